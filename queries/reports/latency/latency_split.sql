-- ---
-- title = "Where the time goes"
-- question = "How much of an edge's time is the front door's, the target's, and the response's?"
-- about = """
-- One form for Lattice and load balancers. Front door: until the request was with the target (with an ALB that includes
-- waiting for the client's request to arrive). Target: until it began to answer. Response: until it was sent. Requests of
-- which the log does not tell the parts (no target was reached) are counted in not_split and in nothing else."""
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- min_requests = { type = "bigint", default = 1, about = "leave out edges with fewer split requests" }
-- [columns]
-- caller = { type = "varchar", about = "display name of the caller's node" }
-- callee = { type = "varchar", about = "display name of the callee's node" }
-- front_door = { type = "varchar", about = "lattice or alb" }
-- n = { type = "bigint", about = "requests with all three parts" }
-- not_split = { type = "bigint", about = "timed requests without them" }
-- front_door_share = { type = "double", about = "of the time of all of them, 0 to 1; NULL when it is 0 ms" }
-- target_share = { type = "double", about = "the same of the target" }
-- response_share = { type = "double", about = "the same of the response" }
-- front_door_p90_ms = { type = "double", about = "90th percentile of the front door's time" }
-- target_p90_ms = { type = "double", about = "the same of the target's" }
-- response_p90_ms = { type = "double", about = "the same of the response's" }
-- slow_part = { type = "varchar", about = "part that is largest in the slowest tenth of the requests; NULL when nothing is split, or all takes 0 ms" }
-- ---
with timed as (
    select
        r.caller,
        r.callee,
        r.front_door as door,
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
        door,
        count(*) filter (is_split) as n,
        count(*) filter (not is_split) as not_split,
        sum(f) filter (is_split) as f,
        sum(t) filter (is_split) as t,
        sum(p) filter (is_split) as p,
        quantile_cont(f, 0.9) filter (is_split) as f90,
        quantile_cont(t, 0.9) filter (is_split) as t90,
        quantile_cont(p, 0.9) filter (is_split) as p90,
        quantile_cont(us, 0.9) filter (is_split) as slow
    from timed
    group by caller, callee, door
),

slowest as (
    select
        x.caller,
        x.callee,
        x.door,
        sum(x.f) as f,
        sum(x.t) as t,
        sum(x.p) as p
    from timed as x
    inner join edges as e
        on x.caller = e.caller
        and x.callee = e.callee
        and x.door = e.door
    where x.is_split
        and x.us >= e.slow
    group by x.caller, x.callee, x.door
)

select
    e.caller,
    e.callee,
    e.door as front_door,
    e.n,
    e.not_split,
    e.f / nullif(e.f + e.t + e.p, 0) as front_door_share,
    e.t / nullif(e.f + e.t + e.p, 0) as target_share,
    e.p / nullif(e.f + e.t + e.p, 0) as response_share,
    ms_of(e.f90) as front_door_p90_ms,
    ms_of(e.t90) as target_p90_ms,
    ms_of(e.p90) as response_p90_ms,
    case
        when coalesce(s.f + s.t + s.p, 0) = 0 then null
        when s.t >= s.f and s.t >= s.p then 'target'
        when s.f >= s.p then 'front_door'
        else 'response'
    end as slow_part
from edges as e
left join slowest as s
    on e.caller = s.caller
    and e.callee = s.callee
    and e.door = s.door
where e.n >= $min_requests
order by e.f + e.t + e.p desc, e.caller, e.callee, e.door
