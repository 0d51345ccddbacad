-- Who an address was in an hour, where the logs show exactly one node at it: as target, as source, or as a load
-- balancer's node; at it or at the other address of its interface; and nothing says that there may have been others. What
-- names.toml says of an address goes before.
with shown as (
    select
        hour,
        vpc,
        ip,
        node
    from targets
    union
    select
        s.hour,
        s.vpc,
        s.ip,
        p.node
    from sources as s
    inner join principals as p
        on s.principal = p.principal
    union
    select
        f.hour,
        f.vpc,
        f.dst_ip,
        s.node
    from flow_hours as f
    inner join alb_interfaces as i
        on f.interface_id = i.interface_id
    inner join services as s
        on i.elb = s.service
    where f.direction = 'ingress'
),

widened as (
    select *
    from shown
    union
    select
        a.hour,
        a.vpc,
        b.sibling,
        a.node
    from shown as a
    inner join siblings as b
        on a.hour = b.hour
        and a.vpc = b.vpc
        and a.ip = b.ip
)

select
    a.hour,
    a.vpc,
    a.ip,
    any_value(a.node) as node,
    any_value(n.name) as name
from widened as a
inner join nodes as n
    on a.node = n.node
anti join address_doubts as d
    on a.hour = d.hour
    and a.vpc = d.vpc
    and a.ip = d.ip
anti join address_overrides as o
    on a.hour = o.hour
    and a.vpc = o.vpc
    and a.ip = o.ip
where a.vpc is not null
group by a.hour, a.vpc, a.ip
having count(distinct a.node) = 1
union all
select
    o.hour,
    o.vpc,
    o.ip,
    o.node,
    n.name
from address_overrides as o
inner join nodes as n
    on o.node = n.node
