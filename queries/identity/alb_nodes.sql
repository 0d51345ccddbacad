-- Addresses of the load balancers' nodes.
select
    id as elb,
    ip
from endpoint_hours
where side = 'node'
group by id, ip
having sum(sightings) > 0
