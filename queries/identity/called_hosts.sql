-- How often each host was asked for, by service and target group, and whether it was Lattice that asked: read once for all
-- that services are called by.
select
    front_door,
    service,
    target_group,
    host,
    coalesce(caller_key = 'lattice', false) as by_lattice,
    sum(requests) as requests
from call_minutes
group by front_door, service, target_group, host, by_lattice
