-- ---
-- title = "New edges"
-- question = "Who calls somebody it did not call before?"
-- about = """
-- Before: up to baseline_hours before the window, as far as the lake goes (known_hours). Without anything before the window
-- nothing can be called new, and no row comes; with a short past a row means less."""
-- history_hours = 168
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- baseline_hours = { type = "bigint", default = 168, about = "how far before the window to look" }
-- [columns]
-- caller = { type = "varchar", about = "display name of the caller's node" }
-- callee = { type = "varchar", about = "display name of the callee's node" }
-- first_seen = { type = "timestamp with time zone", about = "first minute with a call" }
-- last_seen = { type = "timestamp with time zone", about = "last minute with a call" }
-- requests = { type = "bigint", about = "requests in the window" }
-- ok = { type = "bigint", about = "answered below 400" }
-- denied = { type = "bigint", about = "refused before the application" }
-- new_caller = { type = "boolean", about = "the caller called nobody before" }
-- new_callee = { type = "boolean", about = "nobody called the callee before" }
-- caller_principal = { type = "varchar", about = "one principal the caller signed with" }
-- known_hours = { type = "double", about = "hours of calls before the window that it was compared with" }
-- ---
with before as (
    select
        c.caller,
        c.callee,
        min(c.first_minute) as known_from
    from edge_calls($since - to_hours($baseline_hours), $since) as c
    group by c.caller, c.callee
),

now as (
    select
        c.caller,
        c.callee,
        min(c.first_minute) as first_seen,
        max(c.last_minute) as last_seen,
        sum(c.requests)::bigint as requests,
        sum(c.ok)::bigint as ok,
        sum(c.denied)::bigint as denied,
        min(c.caller_principal) as caller_principal
    from edge_calls($since, $until) as c
    group by c.caller, c.callee
),

edges as (
    select
        coalesce(n.caller, b.caller) as caller,
        coalesce(n.callee, b.callee) as callee,
        n.first_seen,
        n.last_seen,
        coalesce(n.requests, 0) as requests,
        coalesce(n.ok, 0) as ok,
        coalesce(n.denied, 0) as denied,
        n.caller_principal,
        b.known_from
    from now as n
    full outer join before as b
        on n.caller = b.caller
        and n.callee = b.callee
),

judged as (
    select
        e.*,
        min(e.known_from) over (partition by e.caller) is null as new_caller,
        min(e.known_from) over (partition by e.callee) is null as new_callee,
        (epoch($since) - epoch(min(e.known_from) over ())) / 3600 as known_hours
    from edges as e
)

select
    j.caller,
    j.callee,
    j.first_seen,
    j.last_seen,
    j.requests,
    j.ok,
    j.denied,
    j.new_caller,
    j.new_callee,
    j.caller_principal,
    j.known_hours
from judged as j
where j.known_from is null
    and j.known_hours is not null
order by j.requests desc, j.first_seen, j.caller, j.callee
