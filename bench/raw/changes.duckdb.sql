-- Which pairs are new in the window and which are gone, against everything before it: of the raw Parquet.
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
    from read_parquet('LAKE/lattice_access/day=*/*.parquet')
    where start_time < timestamptz 'UNTIL'
    union all
    select
        client_ip,
        target_group_arn,
        time
    from read_parquet('LAKE/alb_access/day=*/*.parquet')
    where time < timestamptz 'UNTIL'
)
group by caller, callee
having first_seen >= timestamptz 'SINCE'
    or last_seen < timestamptz 'SINCE'
