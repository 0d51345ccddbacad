-- Where services answered: hour, VPC (NULL where nothing tells), address, and the service's node. A load balancer's
-- nodes, seen as targets of a Lattice service, are nobody's tasks. The other address of the same interface counts too.
with answered as (
    select
        e.hour,
        e.vpc,
        e.ip,
        s.node,
        sum(e.sightings)::bigint as sightings
    from endpoint_hours as e
    inner join services as s
        on e.id = s.service
    where e.side = 'target'
        and e.id not in (select t.service from seen_through as t)
    group by e.hour, e.vpc, e.ip, s.node
    having sum(e.sightings) > 0
    union all
    select
        t.hour,
        p.vpc,
        t.ip,
        s.node,
        t.sightings
    from alb_targets as t
    inner join services as s
        on t.service = s.service
    left join alb_target_vpcs as p
        on t.hour = p.hour
        and t.elb = p.elb
        and t.ip = p.ip
)

select *
from answered
union all
select
    a.hour,
    a.vpc,
    b.sibling,
    a.node,
    a.sightings
from answered as a
inner join siblings as b
    on a.hour = b.hour
    and a.vpc = b.vpc
    and a.ip = b.ip
