-- Where callers were seen (source), services answered (target) and load balancer nodes listened (node), per hour.
select
    date_trunc('hour', time) as hour,
    'source' as side,
    caller_principal as id,
    caller_vpc as vpc,
    caller_ip as ip,
    null::integer as port,
    count(*) as sightings,
    day
from batch_requests
where caller_principal is not null
    and caller_ip is not null
group by all
union all
select
    date_trunc('hour', time) as hour,
    'target' as side,
    case when front_door = 'alb' then target_group else service end as id,
    target_vpc as vpc,
    target_ip as ip,
    target_port as port,
    count(*) as sightings,
    day
from batch_requests
where target_ip is not null
    and id is not null
group by all
union all
select
    date_trunc('hour', time) as hour,
    'node' as side,
    service as id,
    null::varchar as vpc,
    node_ip as ip,
    null::integer as port,
    count(*) as sightings,
    day
from batch_requests
where node_ip is not null
group by all
