-- Latency per hour in logarithmic buckets, one row a part. The parts are unpivoted after the first aggregation would
-- cost more: four numbers a request are cheap, four rows are not.
with parts as (
    select
        date_trunc('hour', time) as hour,
        front_door,
        service,
        reached_host as host,
        caller_principal,
        caller_key,
        target_group,
        unnest(['total', 'front_door', 'target', 'response']) as part,
        unnest([
            latency_bucket(latency_ms),
            latency_bucket(front_door_ms),
            latency_bucket(target_ms),
            latency_bucket(response_ms)
        ]) as bucket,
        day
    from batch_requests
    where kind in ('http', 'grpc')
)
select
    hour,
    front_door,
    service,
    host,
    caller_principal,
    caller_key,
    target_group,
    part,
    bucket,
    count(*) as requests,
    day
from parts
where bucket is not null
group by all
