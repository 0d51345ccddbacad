-- How often Lattice asked load balancers for each host, by day.
select
    day,
    service as elb,
    target_group,
    host,
    sum(requests)::bigint as requests
from call_minutes
where front_door = 'alb'
    and caller_key = 'lattice'
group by day, service, target_group, host
