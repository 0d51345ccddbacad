-- Rows of each object in one day of a table, and how many of them repeat a line that is there already. A line has one
-- time, so it cannot be repeated on another day.
insert into held
select
    $table,
    log_object,
    count(*),
    count(*) - count(distinct log_line)
from contents
group by log_object
