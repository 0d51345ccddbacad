-- The objects that have rejects, as the ledger knows them. Where the table has another number of them than the ledger, a
-- replay was cut short: it is to be finished, whatever the reason asked for.
with counted as (
    select
        log_object,
        count(*) as rejects,
        bool_or(reason = $reason) as concerned
    from rejects
    group by log_object
)

select
    objects.log_object,
    objects.etag,
    objects.size_bytes,
    objects.last_modified,
    objects.batch_id,
    objects.format,
    objects.min_time
from objects
left join counted using (log_object)
where
    objects.rejects > 0
    and ($object is null or objects.log_object = $object)
    and ($reason is null or counted.concerned or counted.rejects is distinct from objects.rejects)
order by objects.log_object
