-- Those of the old guards whose objects a part of the ledger (`ingested`) does not name: a guard's key is a hash.
select
    old.key,
    old.version
from old
where old.key not in (select left(sha256(ingested.log_object), 32) from ingested)
order by old.key
