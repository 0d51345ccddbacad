-- Who an address was in an hour, where the logs show exactly one node at it: as target, or as source.
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
)
select
    a.hour,
    a.vpc,
    a.ip,
    any_value(a.node) as node,
    any_value(n.name) as name
from shown as a
inner join nodes as n
    on a.node = n.node
where a.vpc is not null
group by a.hour, a.vpc, a.ip
having count(distinct a.node) = 1
