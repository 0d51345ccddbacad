-- Guards of a table that are getting old and whose objects the ledger does not hold: what a crash left half done.
-- `recent` is the ledger since before the oldest of them: its row comes after the guards.
select
    key,
    arg_max(version, written) as version
from carried
where regexp_full_match(key, '[0-9a-f]{32}')
    and not exists (select 1 from recent where left(sha256(recent.log_object), 32) = carried.key)
group by key
having max(written) < $before
order by key
