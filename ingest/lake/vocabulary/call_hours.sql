-- Latency per hour in logarithmic buckets, one row a part. Grouping sets count the four parts in one pass: four rows a
-- request would be four times the work.
with counted as (
    select
        combination,
        hour_of(minute) as hour,
        case
            when grouping(total) = 0 then 'total'
            when grouping(front) = 0 then 'front_door'
            when grouping(target) = 0 then 'target'
            else 'response'
        end as part,
        coalesce(total, front, target, response) as bucket,
        count(*) as requests,
        day
    from batch_facts
    group by
        combination, hour, day,
        grouping sets ((total), (front), (target), (response))
)

select
    c.hour,
    r.front_door,
    r.service,
    r.reached_host as host,
    r.caller_principal,
    r.caller_key,
    r.target_group,
    c.part,
    c.bucket,
    sum(c.requests)::bigint as requests,
    c.day
from counted as c
inner join batch_requests as r
    on c.combination = r.combination
where c.bucket is not null
    and r.kind in ('http', 'grpc')
group by all
