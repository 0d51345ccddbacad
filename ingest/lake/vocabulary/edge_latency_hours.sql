-- Latency of whole requests per hour and edge, eight buckets a row, of what call_hours counts.
select
    r.edge_combination as combination,
    h.hour,
    (h.bucket + 8) // 8 - 1 as octave,
    coalesce(sum(h.requests) filter ((h.bucket + 8) % 8 = 0), 0)::bigint as n0,
    coalesce(sum(h.requests) filter ((h.bucket + 8) % 8 = 1), 0)::bigint as n1,
    coalesce(sum(h.requests) filter ((h.bucket + 8) % 8 = 2), 0)::bigint as n2,
    coalesce(sum(h.requests) filter ((h.bucket + 8) % 8 = 3), 0)::bigint as n3,
    coalesce(sum(h.requests) filter ((h.bucket + 8) % 8 = 4), 0)::bigint as n4,
    coalesce(sum(h.requests) filter ((h.bucket + 8) % 8 = 5), 0)::bigint as n5,
    coalesce(sum(h.requests) filter ((h.bucket + 8) % 8 = 6), 0)::bigint as n6,
    coalesce(sum(h.requests) filter ((h.bucket + 8) % 8 = 7), 0)::bigint as n7,
    h.day
from counted_call_hours as h
inner join batch_requests as r
    on h.combination = r.combination
where h.part = 'total'
group by r.edge_combination, h.hour, octave, h.day
