-- ---
-- title = "Slowest calls"
-- question = "Which calls are slow, and where is the time: in the front door, the target, or the response?"
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- min_requests = { type = "bigint", default = 1, about = "leave out edges with fewer timed requests" }
-- at_most = { type = "bigint", default = 50, about = "number of edges" }
-- [columns]
-- caller = { type = "varchar", about = "display name of the caller's node" }
-- callee = { type = "varchar", about = "display name of the callee's node" }
-- n = { type = "bigint", about = "timed requests (no websockets, no TLS passthrough)" }
-- p50_ms = { type = "double", about = "median of all of a request's time" }
-- p90_ms = { type = "double", about = "90th percentile of the same" }
-- p99_ms = { type = "double", about = "99th percentile of the same" }
-- front_door_p50_ms = { type = "double", about = "median time until the request was with the target" }
-- front_door_p99_ms = { type = "double", about = "99th percentile of the same" }
-- target_p50_ms = { type = "double", about = "median time until the target began to answer" }
-- target_p99_ms = { type = "double", about = "99th percentile of the same" }
-- response_p50_ms = { type = "double", about = "median time of sending the response" }
-- response_p99_ms = { type = "double", about = "99th percentile of the same" }
-- slowest_part = { type = "varchar", about = "front_door, target or response: largest share of the time" }
-- ---
with edges as (
    select
        r.caller,
        r.callee,
        count(*) as n,
        quantile_cont(r.latency_ms, [0.5, 0.9, 0.99]) as total,
        quantile_cont(r.front_door_ms, [0.5, 0.99]) as front_door,
        quantile_cont(r.target_ms, [0.5, 0.99]) as target,
        quantile_cont(r.response_ms, [0.5, 0.99]) as response,
        coalesce(sum(r.front_door_ms), 0) as front_door_time,
        coalesce(sum(r.target_ms), 0) as target_time,
        coalesce(sum(r.response_ms), 0) as response_time
    from edge_requests as r
    where r.time >= $since
        and r.time < $until
        and r.latency_ms is not null
    group by r.caller, r.callee
)

select
    e.caller,
    e.callee,
    e.n,
    e.total[1] as p50_ms,
    e.total[2] as p90_ms,
    e.total[3] as p99_ms,
    e.front_door[1] as front_door_p50_ms,
    e.front_door[2] as front_door_p99_ms,
    e.target[1] as target_p50_ms,
    e.target[2] as target_p99_ms,
    e.response[1] as response_p50_ms,
    e.response[2] as response_p99_ms,
    case
        when e.front_door_time + e.target_time + e.response_time = 0 then null
        when e.target_time >= e.front_door_time and e.target_time >= e.response_time then 'target'
        when e.front_door_time >= e.response_time then 'front_door'
        else 'response'
    end as slowest_part
from edges as e
where e.n >= $min_requests
order by p99_ms desc, e.caller, e.callee
limit $at_most
