-- Until when the lake's data is complete: what reports mean by now.
create or replace temp macro data_until() as (
    select min(complete_until)
    from watermarks
);
