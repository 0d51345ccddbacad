-- The same in ClickHouse's words.
select
    caller,
    callee,
    min(time) as first_seen,
    max(time) as last_seen
from (
    select
        caller_principal as caller,
        service_arn as callee,
        start_time as time
    from file('LAKE/lattice_access/day=*/*.parquet', Parquet)
    where start_time < toDateTime64('UNTIL', 6, 'UTC')
    union all
    select
        client_ip,
        target_group_arn,
        time
    from file('LAKE/alb_access/day=*/*.parquet', Parquet)
    where time < toDateTime64('UNTIL', 6, 'UTC')
)
group by caller, callee
having first_seen >= toDateTime64('SINCE', 6, 'UTC')
    or last_seen < toDateTime64('SINCE', 6, 'UTC')
