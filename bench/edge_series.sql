-- Every edge, step by step of $step seconds: what a method on time series gets to see. Steps without a request have no row.
select
    r.caller,
    r.callee,
    (floor(epoch(r.time) / $step) * $step)::bigint as at,
    count(*) as requests,
    count(*) filter (r.outcome in ('server_error', 'no_response')) as failed,
    count(*) filter (r.outcome = 'denied') as denied,
    quantile_cont(r.latency_ms, 0.5) as p50_ms,
    quantile_cont(r.latency_ms, 0.99) as p99_ms
from edge_requests as r
group by all
order by all
