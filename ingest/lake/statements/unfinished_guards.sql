-- Guards of a table that are getting old and whose objects are not finished: the ledger does not hold them, or somebody
-- began to replace them and claimed them there: what a crash left half done.
-- Which one is the newest is said by the log's order (`place`), not by clocks, which differ between machines.
-- `recent` is the ledger since before the oldest of them: its row comes after the guards.
select
    key,
    arg_max(version, place) as version
from carried
where regexp_full_match(key, '[0-9a-f]{32}')
    and (
        not exists (select 1 from recent where left(sha256(recent.log_object), 32) = carried.key)
        or key in (select claimed.key from claimed)
    )
group by key
having arg_max(written, place) < $before
order by key
