-- How often each host was asked for, by day, service and target group: read once for all that services are called by.
-- Without the callers, which are the widest column of a week of minutes.
select
    day,
    front_door,
    service,
    target_group,
    host,
    sum(requests)::bigint as requests
from call_minutes
group by day, front_door, service, target_group, host
