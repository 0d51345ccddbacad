-- ---
-- title = "Who is who, and why"
-- question = "Why has this ARN, address, host or name the name it has?"
-- about = """
-- One row per id that fits: a principal, a certificate subject, a service (also by its host), or an address in each VPC it
-- was seen in, in one hour. A display name gives everything that is that node. An address that several nodes share, or may
-- have shared, has no name of its own; the reason says why. A load balancer's log says no
-- VPC of its clients: where no flow record does either, an address has a row without one."""
-- [params]
-- subject = { type = "varchar", default = "", about = "ARN (with or without a session), certificate subject, service id, host, address (also as vpc/address) or display name" }
-- at_time = { type = "timestamptz", about = "hour to look at, for addresses; the newest hour with that address when NULL" }
-- [columns]
-- id = { type = "varchar", about = "what fits" }
-- kind = { type = "varchar", about = "service, principal or address" }
-- name = { type = "varchar", about = "display name of its node; NULL where several nodes share an address, or may" }
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
        coalesce(role_of($subject), $subject) as principal,
        case
            when starts_with($subject, 'vpc-') then split_part($subject, '/', 2)
            else split_part($subject, ' (vpc-', 1)
        end as ip,
        nullif(regexp_extract($subject, '^(?:.* \()?(vpc-[0-9a-z]+)(?:/.*|\))$', 1), '') as vpc
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
        a.hour,
        a.vpc,
        a.ip,
        a.node,
        a.reason
    from address_nodes as a
    inner join wanted as w
        on a.ip = w.ip
        and coalesce(a.vpc = w.vpc, true)
    union
    select
        o.hour,
        o.vpc,
        o.ip,
        o.node,
        o.reason
    from address_overrides as o
    inner join wanted as w
        on o.ip = w.ip
        and coalesce(o.vpc = w.vpc, true)
    union
    select
        v.hour,
        v.vpc,
        v.ip,
        null,
        null
    from interface_addresses as v
    inner join wanted as w
        on v.ip = w.ip
        and coalesce(v.vpc = w.vpc, true)
    union
    select
        hour_of(c.minute),
        c.caller_vpc,
        w.ip,
        null,
        null
    from call_minutes as c
    inner join wanted as w
        on c.caller_key = c.caller_vpc || '/' || w.ip
        and coalesce(c.caller_vpc = w.vpc, true)
    union
    select
        hour_of(c.minute),
        null,
        w.ip,
        null,
        'a load balancer''s client'
    from call_minutes as c
    inner join wanted as w
        on c.caller_key = '/' || w.ip
        and w.vpc is null
    left join alb_peers as p
        on hour_of(c.minute) = p.hour
        and c.service = p.elb
        and w.ip = p.ip
    left join address_vpcs as v
        on hour_of(c.minute) = v.hour
        and w.ip = v.ip
    where coalesce(p.vpc, v.vpc) is null
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
        string_agg(distinct h.reason, ' and ' order by h.reason) filter (h.node is not null) as reasons,
        bool_or(h.reason = 'a load balancer''s client') as is_placeless,
        (select count(distinct x.vpc) from at_hour as x) as vpcs
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
        when g.name is not null then g.name
        when a.is_placeless then key_name('/' || a.ip)
        when d.reason is not null then null
        when a.nodes = 1 then a.names
        when a.nodes = 0 then key_name(coalesce(a.vpc, '') || '/' || a.ip)
    end,
    case
        when g.node is not null then g.node
        when a.is_placeless then '/' || a.ip
        when d.reason is not null then null
        when a.nodes = 1 then a.only_node
        when a.nodes = 0 then coalesce(a.vpc, '') || '/' || a.ip
    end,
    coalesce(
        g.reason,
        case
            when a.is_placeless
                then 'kept apart: its load balancer''s log says no VPC, nor do flow records; VPCs with the address: ' || a.vpcs
            when a.nodes > 1 then 'kept apart: shared by ' || a.names
            when d.reason is not null then d.reason
            when a.nodes = 0 then 'only its address is known: nobody signed from here, no service answered here'
            else a.reasons
        end
    ),
    a.vpc,
    a.hour,
    null,
    null
from addresses as a
left join address_overrides as g
    on a.hour = g.hour
    and a.vpc = g.vpc
    and a.ip = g.ip
left join address_doubts as d
    on a.hour = d.hour
    and a.vpc = d.vpc
    and a.ip = d.ip
order by kind, id, vpc
