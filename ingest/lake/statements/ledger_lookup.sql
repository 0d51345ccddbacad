-- Which of the listed objects the ledger knows, and whether in the listed version. The listing is hashed, which is small,
-- and the ledger streamed past it.
select
    l.at,
    bool_or(k.version = hash(l.etag)) as same_version
from known as k
inner join listed as l
    on k.object = hash(l.log_object)
group by l.at
