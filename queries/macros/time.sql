-- Until when the lake's data is complete: what reports mean by now.
create or replace temp macro data_until() as (
    select min(complete_until)
    from watermarks
);

-- Start of the first whole hour from a moment on.
create or replace temp macro hour_from(moment) as
hour_of(moment + interval 1 hour - interval 1 microsecond);
