-- Latency of whole requests per hour and edge, eight buckets a row: what edge_latency_hours_added_up makes of call_hours.
with counted as (
    select
        r.edge_combination as combination,
        hour_of(f.minute) as hour,
        (f.total + 8) // 8 - 1 as octave,
        count(*) filter ((f.total + 8) % 8 = 0) as n0,
        count(*) filter ((f.total + 8) % 8 = 1) as n1,
        count(*) filter ((f.total + 8) % 8 = 2) as n2,
        count(*) filter ((f.total + 8) % 8 = 3) as n3,
        count(*) filter ((f.total + 8) % 8 = 4) as n4,
        count(*) filter ((f.total + 8) % 8 = 5) as n5,
        count(*) filter ((f.total + 8) % 8 = 6) as n6,
        count(*) filter ((f.total + 8) % 8 = 7) as n7,
        f.day
    from batch_facts as f
    inner join batch_requests as r
        on f.combination = r.combination
    where r.kind in ('http', 'grpc')
        and f.total is not null
    group by r.edge_combination, hour_of(f.minute), octave, f.day
)

select
    c.hour,
    r.front_door,
    r.service,
    r.caller_key,
    r.target_group,
    c.octave,
    c.n0,
    c.n1,
    c.n2,
    c.n3,
    c.n4,
    c.n5,
    c.n6,
    c.n7,
    r.subscription,
    c.day
from counted as c
inner join batch_requests as r
    on c.combination = r.combination
