-- Where the load balancers' services answered, per hour; their logs say no VPC.
select
    e.hour,
    g.elb,
    g.service,
    e.ip,
    e.port,
    sum(e.sightings)::bigint as sightings
from endpoint_hours as e
inner join alb_target_groups as g
    on e.id = g.target_group
where e.side = 'target'
group by all
having sum(e.sightings) > 0
