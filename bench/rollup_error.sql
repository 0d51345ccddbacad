-- How far quantiles read from call_hours are from the exact ones of the same requests, relative, over edges with 1,000
-- requests or more.
with exact as (
    select
        caller,
        callee,
        list_transform(quantile_cont(latency_us, [0.5, 0.9, 0.99]), lambda us: ms_of(us)) as ms
    from timed_requests
    group by caller, callee
    having count(latency_us) >= 1000
),

rolled as (
    select
        caller,
        callee,
        [p50(bucket, requests), p90(bucket, requests), p99(bucket, requests)] as ms
    from edge_latencies('-infinity'::timestamptz, 'infinity'::timestamptz)
    group by caller, callee
)

select
    count(*) as edges,
    avg(abs(r.ms[1] / e.ms[1] - 1)) as p50_mean,
    max(abs(r.ms[1] / e.ms[1] - 1)) as p50_max,
    avg(abs(r.ms[2] / e.ms[2] - 1)) as p90_mean,
    max(abs(r.ms[2] / e.ms[2] - 1)) as p90_max,
    avg(abs(r.ms[3] / e.ms[3] - 1)) as p99_mean,
    max(abs(r.ms[3] / e.ms[3] - 1)) as p99_max
from exact as e
inner join rolled as r
    on e.caller = r.caller
    and e.callee = r.callee
