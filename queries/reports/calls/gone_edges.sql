-- ---
-- title = "Gone edges"
-- question = "Who stopped calling somebody it used to call?"
-- about = """
-- The window ends where every source is complete: what is still on its way is not gone. An edge is gone when its rate before
-- would have given at_least requests in the window and none came. caller_alive and callee_alive tell a caller that stopped
-- from a service that is not called at all; with both false, look at gaps first. A caller that is refused before a request
-- exists (TLS, packets) is alive: denied_callers says by whom."""
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
-- caller_alive = { type = "boolean", about = "the caller called somebody else in the window, or tried to and was refused" }
-- callee_alive = { type = "boolean", about = "somebody else called the callee in the window" }
-- known_hours = { type = "double", about = "hours of calls before the window" }
-- window_end = { type = "timestamp with time zone", about = "end of what was looked at" }
-- ---
with bounds as (
    select least($until, data_until()) as ended
),

now as (
    select
        n.caller,
        n.callee,
        n.requests
    from edges($since, greatest($since, least($until, data_until()))) as n
),

earlier as (
    select
        p.caller,
        p.callee,
        p.requests,
        p.first_minute,
        p.last_minute
    from edges($since - to_hours($baseline_hours), $since) as p
),

known as (
    select epoch($since) - epoch(min(p.first_minute)) as seconds
    from earlier as p
),

judged as (
    select
        p.caller,
        p.callee,
        p.last_minute as last_seen,
        p.requests as requests_before,
        k.seconds as known_seconds,
        p.requests * (epoch(b.ended) - epoch($since)) / nullif(k.seconds, 0) as expected,
        b.ended
    from earlier as p, known as k, bounds as b
),

gone as (
    select j.*
    from judged as j
    anti join (
        select
            caller,
            callee
        from now
        where requests <> 0
    ) as n
        on j.caller = n.caller
        and j.callee = n.callee
    where j.expected >= $at_least
),

any_gone as (
    select 1
    from gone
    limit 1
),

-- Refused requests are requests; these are not. Without a gone edge they are not read.
refused as (
    select distinct d.caller
    from denials as d, any_gone
    where d.time >= $since
        and d.time < $until
        and d.time < data_until()
        and d.layer in ('tls', 'packet')
),

alive as (
    select n.caller
    from now as n
    group by n.caller
    having sum(n.requests) > 0
    union
    select r.caller
    from refused as r
)

select
    g.caller,
    g.callee,
    g.last_seen,
    g.requests_before,
    g.expected,
    g.caller in (select a.caller from alive as a) as caller_alive,
    g.callee in (select n.callee from now as n group by n.callee having sum(n.requests) > 0) as callee_alive,
    g.known_seconds / 3600 as known_hours,
    g.ended as window_end
from gone as g
order by g.expected desc, g.caller, g.callee
