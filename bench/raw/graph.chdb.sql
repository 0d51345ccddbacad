-- The same in ClickHouse's words; quantilesExactInclusive interpolates as DuckDB's quantile_cont does.
select
    caller,
    callee,
    count(*) as requests,
    countIf(status >= 500) as failed,
    countIf(status = 403) as refused,
    quantilesExactInclusive(0.5, 0.99)(ms) as quantiles
from (
    select
        caller_principal as caller,
        service_arn as callee,
        response_code as status,
        toFloat64(duration) as ms
    from file('LAKE/lattice_access/day=*/*.parquet', Parquet)
    where start_time >= toDateTime64('SINCE', 6, 'UTC')
        and start_time < toDateTime64('UNTIL', 6, 'UTC')
    union all
    select
        client_ip,
        target_group_arn,
        elb_status_code,
        1000 * (request_processing_time + target_processing_time + response_processing_time)
    from file('LAKE/alb_access/day=*/*.parquet', Parquet)
    where time >= toDateTime64('SINCE', 6, 'UTC')
        and time < toDateTime64('UNTIL', 6, 'UTC')
)
group by caller, callee
