-- Who calls whom, how often, how fast: of the raw Parquet, without names, identity or the same call delivered twice.
select
    caller,
    callee,
    count(*) as requests,
    count(*) filter (status >= 500) as failed,
    count(*) filter (status = 403) as refused,
    quantile_cont(ms, [0.5, 0.99]) as quantiles
from (
    select
        caller_principal as caller,
        service_arn as callee,
        response_code as status,
        duration::double as ms
    from read_parquet('LAKE/lattice_access/day=*/*.parquet')
    where start_time >= timestamptz 'SINCE'
        and start_time < timestamptz 'UNTIL'
    union all
    select
        client_ip,
        target_group_arn,
        elb_status_code,
        1000 * (request_processing_time + target_processing_time + response_processing_time)
    from read_parquet('LAKE/alb_access/day=*/*.parquet')
    where time >= timestamptz 'SINCE'
        and time < timestamptz 'UNTIL'
)
group by caller, callee
