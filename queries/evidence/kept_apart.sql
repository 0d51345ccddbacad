-- ---
-- title = "Who may be the caller under another name"
-- question = "Who lately called the callee, is called much like the caller or was often where it answers, and is kept apart?"
-- [params]
-- baseline_since = { type = "timestamptz", about = "start of the past that is looked at" }
-- until = { type = "timestamptz", about = "end of the window" }
-- caller = { type = "varchar", about = "caller's display name" }
-- callee = { type = "varchar", about = "callee's display name" }
-- [columns]
-- name = { type = "varchar", about = "display name of the other one" }
-- reason = { type = "varchar", about = "why it is not the caller, as far as the logs tell" }
-- requests = { type = "bigint", about = "its requests to the callee" }
-- ---
with called as (
    select
        h.caller,
        sum(h.requests)::bigint as requests
    from hourly_calls as h
    where h.callee = $callee
        and h.caller <> $caller
        and h.hour >= $baseline_since
        and h.hour < $until
    group by h.caller
)

select
    c.caller as name,
    min(p.reason) as reason,
    any_value(c.requests) as requests
from called as c
inner join principal_names as k
    on c.caller = k.name
inner join principals as p
    on k.principal = p.principal
left join nodes as n
    on p.candidate = n.node
where n.name = $caller
    or starts_with(c.caller, $caller || '-')
    or starts_with(c.caller, $caller || ' (')
    or starts_with($caller, c.caller || ' (')
group by c.caller
order by requests desc, c.caller
