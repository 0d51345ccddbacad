-- Start of the first whole hour from a moment on.
create or replace temp macro hour_from(moment) as
hour_of(moment::timestamptz + interval 1 hour - interval 1 microsecond);
