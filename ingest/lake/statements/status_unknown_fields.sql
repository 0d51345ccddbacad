-- Fields that AWS wrote and eastwest has no column for, with the object that had one first.
select
    $table as format,
    field,
    count(*) as rows,
    min(seen_at) as first_seen,
    arg_min(log_object, (seen_at, log_object)) as first_object
from (
    select
        unnest(json_keys(extra)) as field,
        seen_at,
        log_object
    from contents
    where extra is not null
        and json_valid(extra)
        and day >= $since
)
group by field
order by field
