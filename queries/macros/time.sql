-- Start of the first whole hour from a moment on.
create or replace temp macro hour_from(moment) as
hour_of(moment::timestamptz + interval 1 hour - interval 1 microsecond);

-- Start of the day of a moment, UTC.
create or replace temp macro day_of(moment) as
date_trunc('day', moment::timestamptz);

-- Start of the first whole day from a moment on, UTC.
create or replace temp macro day_from(moment) as
day_of(moment::timestamptz + interval 1 day - interval 1 microsecond);
