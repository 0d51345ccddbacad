-- ---
-- title = "Everybody who can be asked about"
-- question = "Which spellings (name, ARN, host, address) mean which node?"
-- [params]
-- until = { type = "timestamptz", about = "end of the window" }
-- [columns]
-- spelling = { type = "varchar", about = "what somebody may write" }
-- name = { type = "varchar", about = "display name" }
-- seen_at = { type = "timestamp with time zone", about = "hour it was last true; NULL for names" }
-- ---
select
    spelling,
    name,
    max(seen_at) as seen_at
from (
    select
        caller as spelling,
        caller as name,
        null::timestamptz as seen_at
    from calls
    union all
    select
        callee,
        callee,
        null
    from calls
    union all
    select
        caller,
        caller,
        null
    from denials
    union all
    select
        callee,
        callee,
        null
    from denials
    union all
    select
        name,
        name,
        null
    from nodes
    union all
    select
        unnest(ids),
        name,
        null
    from nodes
    union all
    select
        n.node,
        n.name,
        null
    from nodes as n
    union all
    select
        s.service,
        s.name,
        null
    from service_names as s
    union all
    select
        p.principal,
        p.name,
        null
    from principal_names as p
    union all
    select
        h.host,
        s.name,
        null
    from lattice_hosts as h
    inner join service_names as s
        on h.service = s.service
    union all
    select
        split_part(s.service, '#', 2),
        s.name,
        null
    from service_names as s
    where contains(s.service, '#')
    union all
    select
        ip,
        name,
        hour
    from address_names
    where hour <= $until
    union all
    select
        vpc || '/' || ip,
        name,
        hour
    from address_names
    where hour <= $until
)
where spelling is not null
    and name is not null
group by spelling, name
order by spelling, seen_at desc nulls first, name
