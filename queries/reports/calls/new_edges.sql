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
with known as (
    select
        k.caller,
        k.callee,
        k.first_minute
    from edges($since - to_hours($baseline_hours), $since) as k
)

select
    n.caller,
    n.callee,
    n.first_minute as first_seen,
    n.last_minute as last_seen,
    n.requests,
    n.ok,
    n.denied,
    n.caller not in (select k.caller from known as k) as new_caller,
    n.callee not in (select k.callee from known as k) as new_callee,
    n.caller_principal,
    (epoch($since) - epoch((select min(k.first_minute) from known as k))) / 3600 as known_hours
from edges($since, $until) as n
anti join known as k
    on n.caller = k.caller
    and n.callee = k.callee
where exists (from known)
order by n.requests desc, first_seen, n.caller, n.callee
