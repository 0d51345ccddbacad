-- Latency per hour in logarithmic buckets, one row a part. Grouping sets count the four parts in one pass: four rows a
-- request would be four times the work.
select
    hour,
    front_door,
    service,
    host,
    caller_principal,
    caller_key,
    target_group,
    case
        when grouping(total) = 0 then 'total'
        when grouping(front) = 0 then 'front_door'
        when grouping(target) = 0 then 'target'
        else 'response'
    end as part,
    coalesce(total, front, target, response) as bucket,
    count(*) as requests,
    day
from (
    select
        hour_of(time) as hour,
        front_door,
        service,
        reached_host as host,
        caller_principal,
        caller_key,
        target_group,
        latency_bucket(latency_ms) as total,
        latency_bucket(front_door_ms) as front,
        latency_bucket(target_ms) as target,
        latency_bucket(response_ms) as response,
        day
    from batch_requests
    where kind in ('http', 'grpc')
)
group by
    hour, front_door, service, host, caller_principal, caller_key, target_group, day,
    grouping sets ((total), (front), (target), (response))
having bucket is not null
