-- Objects with rows, and who delivered them; kin: all of the same kind, account and region.
select
    o.*,
    regexp_replace(o.source, '_[^_]+$', '') as kin
from (
    select
        log_object,
        delivery_source(log_object) as source,
        format,
        max_time
    from objects
    where rows > 0
) as o
