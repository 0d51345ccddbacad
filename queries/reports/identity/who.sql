-- ---
-- title = "Who is who, and why"
-- question = "Why has this ARN, address, host or name the name it has?"
-- about = """
-- One row per id that fits: a principal, a certificate subject, a service (also by its host), or an address in each VPC it
-- was seen in, in one hour. A display name gives everything that is that node. An address that several nodes share has no
-- name of its own; the reason lists them."""
-- [params]
-- subject = { type = "varchar", default = "", about = "ARN (with or without a session), certificate subject, service id, host, address or display name" }
-- at_time = { type = "timestamptz", about = "hour to look at, for addresses; the newest hour with that address when NULL" }
-- [columns]
-- id = { type = "varchar", about = "what fits" }
-- kind = { type = "varchar", about = "service, principal or address" }
-- name = { type = "varchar", about = "display name of its node; NULL where several nodes share an address" }
-- node = { type = "varchar", about = "id of the node it is" }
-- reason = { type = "varchar", about = "why it is that node, or why it is kept apart" }
-- vpc = { type = "varchar", about = "VPC of an address" }
-- hour = { type = "timestamp with time zone", about = "hour that was looked at, of an address" }
-- sightings = { type = "bigint", about = "times a principal was seen calling from an address of a known VPC" }
-- agreeing = { type = "bigint", about = "of these, at the addresses at which the service answers" }
-- ---
with wanted as (
    select
        $subject as text,
        coalesce(role_of($subject), $subject) as principal
),

answering as (
    select
        s.service,
        s.front_door,
        s.node,
        s.host,
        n.name,
        t.behind,
        o.reason as given
    from services as s
    inner join nodes as n
        on s.node = n.node
    left join seen_through as t
        on s.service = t.service
    left join overrides as o
        on s.service = o.id
),

here as (
    select
        t.hour,
        t.vpc,
        t.ip,
        t.node,
        'a service answered here' as reason
    from targets as t
    where t.ip = $subject
    union
    select
        s.hour,
        s.vpc,
        s.ip,
        p.node,
        'a principal called from here'
    from sources as s
    inner join principals as p
        on s.principal = p.principal
    where s.ip = $subject
    union
    select
        a.hour,
        a.vpc,
        a.ip,
        a.node,
        'a node was seen here'
    from address_names as a
    where a.ip = $subject
    union
    select
        v.hour,
        v.vpc,
        v.ip,
        null,
        'only flow records show it'
    from address_vpcs as v
    where v.ip = $subject
),

at_hour as (
    select
        h.*,
        n.name as shown
    from here as h
    left join nodes as n
        on h.node = n.node
    where h.hour = coalesce(hour_of($at_time::timestamptz), (select max(x.hour) from here as x))
),

addresses as (
    select
        h.ip,
        h.vpc,
        h.hour,
        count(distinct h.node) as nodes,
        min(h.node) as only_node,
        string_agg(distinct h.shown, ', ' order by h.shown) as names,
        string_agg(distinct h.reason, ' and ' order by h.reason)
            filter (h.node is not null and h.reason <> 'a node was seen here') as reasons
    from at_hour as h
    group by h.ip, h.vpc, h.hour
)

select
    s.service as id,
    'service' as kind,
    s.name,
    s.node,
    coalesce(
        s.given,
        case
            when s.behind is not null then 'seen through: its targets are the nodes of the load balancer of ' || s.behind
            when s.service = s.node and s.host is not null then 'named after ' || s.host || ', the host most requests carry'
            when s.service = s.node then 'no host reached a target: named after its id'
            else 'one service alone is behind this load balancer, or names.toml joins them'
        end
    ) as reason,
    null::varchar as vpc,
    null::timestamptz as hour,
    null::bigint as sightings,
    null::bigint as agreeing
from answering as s, wanted as w
where s.service = w.text
    or s.host = lower(w.text)
    or s.name = w.text
union all
select
    p.principal,
    'principal',
    n.name,
    p.node,
    p.reason,
    null,
    null,
    p.sightings::bigint,
    p.agreeing::bigint
from principals as p
inner join nodes as n
    on p.node = n.node
inner join wanted as w
    on p.principal in (w.text, w.principal)
    or n.name = w.text
union all
select
    a.ip,
    'address',
    case
        when a.nodes = 1 then a.names
        when a.nodes = 0 then key_name(coalesce(a.vpc, '') || '/' || a.ip)
    end,
    case
        when a.nodes = 1 then a.only_node
        when a.nodes = 0 then coalesce(a.vpc, '') || '/' || a.ip
    end,
    coalesce(
        (select any_value(o.reason) from address_overrides as o where o.hour = a.hour and o.vpc = a.vpc and o.ip = a.ip),
        case
            when a.nodes > 1 then 'kept apart: shared by ' || a.names
            when a.nodes = 0 then 'only flow records show it'
            else coalesce(a.reasons, 'the other address of an interface, or a load balancer''s node')
        end
    ),
    a.vpc,
    a.hour,
    null,
    null
from addresses as a
order by kind, id, vpc
