-- Where services answered: hour, VPC (NULL where nothing tells), address, and the service's node. A load balancer's
-- nodes, seen as targets of a Lattice service, are nobody's tasks.
select
    e.hour,
    e.vpc,
    e.ip,
    e.port,
    s.node,
    e.sightings
from endpoint_hours as e
inner join services as s
    on e.id = s.service
where e.side = 'target'
    and e.id not in (select t.service from seen_through as t)
union all
select
    t.hour,
    coalesce(p.vpc, v.vpc),
    t.ip,
    t.port,
    t.service,
    t.sightings
from alb_targets as t
left join alb_peers as p
    on t.hour = p.hour
    and t.elb = p.elb
    and t.ip = p.ip
left join address_vpcs as v
    on t.hour = v.hour
    and t.ip = v.ip
