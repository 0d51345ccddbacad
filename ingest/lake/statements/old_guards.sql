-- Of each object that a table's guards name, the newest guard, where it is getting old.
-- Which one is the newest is said by the log's order (`place`), not by clocks, which differ between machines.
select
    key,
    arg_max(version, place) as version
from carried
where regexp_full_match(key, '[0-9a-f]{32}')
group by key
having arg_max(written, place) < $before
order by key
