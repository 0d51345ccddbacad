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
    e.hour,
    coalesce(p.vpc, v.vpc),
    e.ip,
    e.port,
    g.service,
    e.sightings
from endpoint_hours as e
inner join alb_target_groups as g
    on e.id = g.target_group
left join alb_peers as p
    on e.hour = p.hour
    and g.elb = p.elb
    and e.ip = p.ip
left join address_vpcs as v
    on e.hour = v.hour
    and e.ip = v.ip
where e.side = 'target'
