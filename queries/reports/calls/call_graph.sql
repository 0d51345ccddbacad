-- ---
-- title = "Call graph"
-- question = "Who calls whom, how often, how fast, and which of these calls are failing or refused?"
-- about = """
-- An edge is one that requests went over (of a resource configuration: connections). TLS handshakes that were refused before a request
-- are counted on such an edge. Refused packets, and pairs that were refused every time, are in edge_health and denied_callers."""
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- min_requests = { type = "bigint", default = 1, about = "leave out edges with fewer requests" }
-- degraded_errors = { type = "double", default = 0.001, about = "share of server errors and missing responses from which an edge is degraded" }
-- failing_errors = { type = "double", default = 0.1, about = "the same share from which it is failing" }
-- degraded_client_errors = { type = "double", default = 0.1, about = "share of client errors from which an edge is degraded" }
-- failing_client_errors = { type = "double", default = 0.2, about = "the same share from which it is failing" }
-- denied_from = { type = "double", default = 0.01, about = "share of denied attempts from which an edge is denied" }
-- min_wrong = { type = "bigint", default = 5, about = "failures or refusals below which an edge is ok" }
-- [columns]
-- caller = { type = "varchar", about = "display name of the caller's node" }
-- callee = { type = "varchar", about = "display name of the callee's node" }
-- state = { type = "varchar", about = "failing, denied, degraded or ok, as in edge_health but for packets" }
-- requests = { type = "bigint", about = "requests in the window; for a resource configuration, connections" }
-- ok = { type = "bigint", about = "answered below 400", wide = true }
-- client_errors = { type = "bigint", about = "answered 400 to 499, the application's own 403 among them, or left by the caller amid the response" }
-- denied = { type = "bigint", about = "refused before the application" }
-- server_errors = { type = "bigint", about = "answered 500 and above" }
-- no_response = { type = "bigint", about = "a response was due and none came" }
-- handshakes_refused = { type = "bigint", about = "TLS handshakes refused, so that no request came" }
-- error_share = { type = "double", about = "server errors and missing responses / requests, 0 to 1" }
-- denied_share = { type = "double", about = "denied / requests, 0 to 1" }
-- p50_ms = { type = "double", about = "median of all of a request's time, ms" }
-- p99_ms = { type = "double", about = "99th percentile of the same, ms" }
-- bytes_in = { type = "bigint", about = "bytes received from the caller", wide = true }
-- bytes_out = { type = "bigint", about = "bytes sent to the caller", wide = true }
-- front_doors = { type = "varchar", about = "lattice, alb, both, or resource for a resource configuration" }
-- caller_principal = { type = "varchar", about = "one principal the caller signed with", wide = true }
-- service = { type = "varchar", about = "one id of the service", wide = true }
-- first_seen = { type = "timestamp with time zone", about = "first request in the window", wide = true }
-- last_seen = { type = "timestamp with time zone", about = "last request in the window" }
-- ---
with calls_made as (
    select
        r.time,
        r.caller,
        r.callee,
        r.outcome,
        r.latency_ms,
        r.bytes_in,
        r.bytes_out,
        r.front_door,
        r.caller_principal,
        r.service
    from edge_requests as r
    where r.time >= $since
        and r.time < $until
    union all
    select
        c.time,
        c.caller,
        c.callee,
        'ok',
        null,
        null,
        null,
        'resource',
        null,
        c.resource_configuration
    from resource_connections as c
    where c.time >= $since
        and c.time < $until
),

edges as (
    select
        m.caller,
        m.callee,
        count(*) as requests,
        count(*) filter (m.outcome = 'ok') as ok,
        count(*) filter (m.outcome = 'client_error') as client_errors,
        count(*) filter (m.outcome = 'denied') as denied,
        count(*) filter (m.outcome = 'server_error') as server_errors,
        count(*) filter (m.outcome = 'no_response') as no_response,
        count(*) filter (m.outcome in ('server_error', 'no_response')) as failed,
        quantile_cont(m.latency_ms, [0.5, 0.99]) as quantiles,
        coalesce(sum(m.bytes_in), 0)::bigint as bytes_in,
        coalesce(sum(m.bytes_out), 0)::bigint as bytes_out,
        string_agg(distinct m.front_door, ', ' order by m.front_door) as front_doors,
        min(m.caller_principal) as caller_principal,
        min(m.service) as service,
        min(m.time) as first_seen,
        max(m.time) as last_seen
    from calls_made as m
    group by m.caller, m.callee
),

handshakes as (
    select
        d.caller,
        d.callee,
        sum(d.count)::bigint as refused
    from denials as d
    where d.time >= $since
        and d.time < $until
        and d.layer = 'tls'
    group by d.caller, d.callee
),

attempted as (
    select
        e.*,
        coalesce(h.refused, 0) as handshakes_refused,
        e.denied + handshakes_refused as refused
    from edges as e
    left join handshakes as h
        on e.caller = h.caller
        and e.callee = h.callee
)

select
    e.caller,
    e.callee,
    case
        when e.failed >= $min_wrong and e.failed >= $failing_errors * e.requests and e.failed > e.refused then 'failing'
        when e.refused >= $min_wrong and e.refused >= $denied_from * (e.requests + e.handshakes_refused) then 'denied'
        when e.client_errors >= $min_wrong and e.client_errors >= $failing_client_errors * e.requests then 'failing'
        when e.failed >= $min_wrong and e.failed >= $degraded_errors * e.requests then 'degraded'
        when e.client_errors >= $min_wrong and e.client_errors >= $degraded_client_errors * e.requests then 'degraded'
        else 'ok'
    end as state,
    e.requests,
    e.ok,
    e.client_errors,
    e.denied,
    e.server_errors,
    e.no_response,
    e.handshakes_refused,
    e.failed / e.requests as error_share,
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
from attempted as e
where e.requests >= $min_requests
order by
    array_position(['failing', 'denied', 'degraded', 'ok'], state),
    e.failed + e.refused desc,
    e.requests desc,
    e.caller,
    e.callee
