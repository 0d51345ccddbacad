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
-- slowest_part = { type = "varchar", about = "front_door, target or response: largest share of the time of requests with all three; NULL without any" }
-- not_split = { type = "bigint", about = "timed requests without all three: no target was reached, or none answered" }
-- ---
with timed as (
    select
        r.caller,
        r.callee,
        whole_us(r.latency_ms) as us,
        whole_us(r.front_door_ms) as f,
        whole_us(r.target_ms) as t,
        whole_us(r.response_ms) as p,
        r.front_door_ms is not null and r.target_ms is not null and r.response_ms is not null as is_split
    from edge_requests as r
    where r.time >= $since
        and r.time < $until
        and r.latency_ms is not null
),

edges as (
    select
        caller,
        callee,
        count(*) as n,
        count(*) filter (not is_split) as not_split,
        quantile_cont(us, [0.5, 0.9, 0.99]) as total,
        quantile_cont(f, [0.5, 0.99]) as front_door,
        quantile_cont(t, [0.5, 0.99]) as target,
        quantile_cont(p, [0.5, 0.99]) as response,
        sum(f) filter (is_split) as front_door_time,
        sum(t) filter (is_split) as target_time,
        sum(p) filter (is_split) as response_time
    from timed
    group by caller, callee
)

select
    e.caller,
    e.callee,
    e.n,
    ms_of(e.total[1]) as p50_ms,
    ms_of(e.total[2]) as p90_ms,
    ms_of(e.total[3]) as p99_ms,
    ms_of(e.front_door[1]) as front_door_p50_ms,
    ms_of(e.front_door[2]) as front_door_p99_ms,
    ms_of(e.target[1]) as target_p50_ms,
    ms_of(e.target[2]) as target_p99_ms,
    ms_of(e.response[1]) as response_p50_ms,
    ms_of(e.response[2]) as response_p99_ms,
    case
        when coalesce(e.front_door_time + e.target_time + e.response_time, 0) = 0 then null
        when e.target_time >= e.front_door_time and e.target_time >= e.response_time then 'target'
        when e.front_door_time >= e.response_time then 'front_door'
        else 'response'
    end as slowest_part,
    e.not_split
from edges as e
where e.n >= $min_requests
order by p99_ms desc, e.caller, e.callee
limit $at_most
