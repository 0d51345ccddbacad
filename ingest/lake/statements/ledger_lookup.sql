-- Where the ledger has the listed objects. The listing is hashed, which is small, and the ledger streamed past it.
select
    l.at,
    k.rowid as row,
    hash(l.etag) as version
from known as k
inner join listed as l
    on k.object = hash(l.log_object)
