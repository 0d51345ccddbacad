-- Addresses of the load balancers' nodes.
select
    id as elb,
    ip
from daily_endpoints
where side = 'node'
group by id, ip
having sum(sightings) > 0
