-- Latency per hour and combination of caller and service in logarithmic buckets, one row a part. Grouping sets count the
-- four parts in one pass: four rows a request would be four times the work.
select
    r.hour_combination as combination,
    hour_of(f.minute) as hour,
    case
        when grouping(f.total) = 0 then 'total'
        when grouping(f.front) = 0 then 'front_door'
        when grouping(f.target) = 0 then 'target'
        else 'response'
    end as part,
    coalesce(f.total, f.front, f.target, f.response) as bucket,
    count(*) as requests,
    f.day
from batch_facts as f
inner join batch_requests as r
    on f.combination = r.combination
where r.kind in ('http', 'grpc')
group by
    r.hour_combination, hour_of(f.minute), f.day,
    grouping sets ((f.total), (f.front), (f.target), (f.response))
having coalesce(f.total, f.front, f.target, f.response) is not null
