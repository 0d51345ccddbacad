-- ---
-- title = "Call graph"
-- question = "Who calls whom, how often, how fast, and which of these calls are failing or refused?"
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- min_requests = { type = "bigint", default = 1, about = "leave out edges with fewer requests" }
-- degraded_errors = { type = "double", default = 0.001, about = "share of server errors and missing responses from which an edge is degraded" }
-- failing_errors = { type = "double", default = 0.1, about = "the same share from which it is failing" }
-- degraded_client_errors = { type = "double", default = 0.1, about = "share of client errors from which an edge is degraded" }
-- failing_client_errors = { type = "double", default = 0.2, about = "the same share from which it is failing" }
-- denied_from = { type = "double", default = 0.01, about = "share of denied requests from which an edge is denied" }
-- [columns]
-- caller = { type = "varchar", about = "display name of the caller's node" }
-- callee = { type = "varchar", about = "display name of the callee's node" }
-- state = { type = "varchar", about = "failing, denied, degraded or ok; the first that holds" }
-- requests = { type = "bigint", about = "requests in the window" }
-- ok = { type = "bigint", about = "answered below 400" }
-- client_errors = { type = "bigint", about = "answered 400 to 499, the application's own 403 among them" }
-- denied = { type = "bigint", about = "refused before the application" }
-- server_errors = { type = "bigint", about = "answered 500 and above" }
-- no_response = { type = "bigint", about = "a response was due and none came" }
-- error_share = { type = "double", about = "server errors and missing responses / requests, 0 to 1" }
-- denied_share = { type = "double", about = "denied / requests, 0 to 1" }
-- p50_ms = { type = "double", about = "median of all of a request's time, ms" }
-- p99_ms = { type = "double", about = "99th percentile of the same, ms" }
-- bytes_in = { type = "bigint", about = "bytes received from the caller" }
-- bytes_out = { type = "bigint", about = "bytes sent to the caller" }
-- front_doors = { type = "varchar", about = "lattice, alb, or both" }
-- caller_principal = { type = "varchar", about = "one principal the caller signed with" }
-- service = { type = "varchar", about = "one id of the service" }
-- first_seen = { type = "timestamp with time zone", about = "first request in the window" }
-- last_seen = { type = "timestamp with time zone", about = "last request in the window" }
-- ---
with edges as (
    select
        r.caller,
        r.callee,
        count(*) as requests,
        count(*) filter (r.outcome = 'ok') as ok,
        count(*) filter (r.outcome = 'client_error') as client_errors,
        count(*) filter (r.outcome = 'denied') as denied,
        count(*) filter (r.outcome = 'server_error') as server_errors,
        count(*) filter (r.outcome = 'no_response') as no_response,
        quantile_cont(r.latency_ms, [0.5, 0.99]) as quantiles,
        coalesce(sum(r.bytes_in), 0)::bigint as bytes_in,
        coalesce(sum(r.bytes_out), 0)::bigint as bytes_out,
        string_agg(distinct r.front_door, ', ' order by r.front_door) as front_doors,
        min(r.caller_principal) as caller_principal,
        min(r.service) as service,
        min(r.time) as first_seen,
        max(r.time) as last_seen
    from edge_requests as r
    where r.time >= $since
        and r.time < $until
    group by r.caller, r.callee
)

select
    e.caller,
    e.callee,
    case
        when e.server_errors + e.no_response >= $failing_errors * e.requests then 'failing'
        when e.denied >= $denied_from * e.requests and e.denied > 0 then 'denied'
        when e.client_errors >= $failing_client_errors * e.requests then 'failing'
        when e.server_errors + e.no_response >= $degraded_errors * e.requests
            and e.server_errors + e.no_response > 0 then 'degraded'
        when e.client_errors >= $degraded_client_errors * e.requests then 'degraded'
        else 'ok'
    end as state,
    e.requests,
    e.ok,
    e.client_errors,
    e.denied,
    e.server_errors,
    e.no_response,
    (e.server_errors + e.no_response) / e.requests as error_share,
    e.denied / e.requests as denied_share,
    e.quantiles[1] as p50_ms,
    e.quantiles[2] as p99_ms,
    e.bytes_in,
    e.bytes_out,
    e.front_doors,
    e.caller_principal,
    e.service,
    e.first_seen,
    e.last_seen
from edges as e
where e.requests >= $min_requests
order by
    array_position(['failing', 'denied', 'degraded', 'ok'], state),
    e.server_errors + e.no_response + e.denied desc,
    e.requests desc,
    e.caller,
    e.callee
