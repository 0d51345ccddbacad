-- ---
-- title = "Gone edges"
-- question = "Who stopped calling somebody it used to call?"
-- about = """
-- The window ends where every source is complete: what is still on its way is not gone. An edge is gone when its rate before
-- would have given at_least requests in the window and none came. caller_alive and callee_alive tell a caller that stopped
-- from a service that is not called at all; with both false, look at gaps first."""
-- history_hours = 168
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive; the end of complete data when that is earlier" }
-- baseline_hours = { type = "bigint", default = 168, about = "how far before the window to look" }
-- at_least = { type = "double", default = 5, about = "requests the window should have had" }
-- [columns]
-- caller = { type = "varchar", about = "display name of the caller's node" }
-- callee = { type = "varchar", about = "display name of the callee's node" }
-- last_seen = { type = "timestamp with time zone", about = "last minute with a call" }
-- requests_before = { type = "bigint", about = "requests before the window" }
-- expected = { type = "double", about = "requests the window should have had at the rate before" }
-- caller_alive = { type = "boolean", about = "the caller called somebody else in the window" }
-- callee_alive = { type = "boolean", about = "somebody else called the callee in the window" }
-- known_hours = { type = "double", about = "hours of calls before the window" }
-- window_end = { type = "timestamp with time zone", about = "end of what was looked at" }
-- ---
with bounds as (
    select least($until, data_until()) as ended
),

before as (
    select
        c.caller,
        c.callee,
        sum(c.requests)::bigint as requests,
        min(c.first_minute) as first_seen,
        max(c.last_minute) as last_seen
    from edge_calls($since - to_hours($baseline_hours), $since) as c
    group by c.caller, c.callee
),

now as (
    select
        c.caller,
        c.callee,
        sum(c.requests)::bigint as requests
    from edge_calls($since, least($until, data_until())) as c
    group by c.caller, c.callee
),

edges as (
    select
        coalesce(p.caller, n.caller) as caller,
        coalesce(p.callee, n.callee) as callee,
        coalesce(p.requests, 0) as before,
        coalesce(n.requests, 0) as now,
        p.last_seen,
        p.first_seen
    from before as p
    full outer join now as n
        on p.caller = n.caller
        and p.callee = n.callee
),

judged as (
    select
        e.*,
        sum(e.now) over (partition by e.caller) > 0 as caller_alive,
        sum(e.now) over (partition by e.callee) > 0 as callee_alive,
        (epoch($since) - epoch(min(e.first_seen) over ())) / 3600 as known_hours,
        e.before * (epoch(b.ended) - epoch($since))
            / nullif(epoch($since) - epoch(min(e.first_seen) over ()), 0) as expected,
        b.ended
    from edges as e, bounds as b
)

select
    j.caller,
    j.callee,
    j.last_seen,
    j.before as requests_before,
    j.expected,
    j.caller_alive,
    j.callee_alive,
    j.known_hours,
    j.ended as window_end
from judged as j
where j.now = 0
    and j.expected >= $at_least
order by j.expected desc, j.caller, j.callee
