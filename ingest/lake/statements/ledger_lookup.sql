-- Where the ledger has the listed objects, and whether in the listed version. The listing is hashed, which is small,
-- and the ledger streamed past it.
select
    l.at,
    k.rowid as row,
    k.version = hash(l.etag) as same_version
from known as k
inner join listed as l
    on k.object = hash(l.log_object)
