-- Who an address was in an hour, where the logs show exactly one node at it and nothing says that others may have been
-- there. What names.toml says of an address goes before.
select
    a.hour,
    a.vpc,
    a.ip,
    any_value(a.node) as node,
    any_value(n.name) as name
from address_nodes as a
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
having min(a.node) = max(a.node)
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
