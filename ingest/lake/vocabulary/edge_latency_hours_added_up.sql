-- The totals of call_hours by the hour, edge and eight buckets: 3 rows where call_hours has 15, and no text in most of them.
-- Bucket -1 (0 ms) is the last of octave -1: division cuts towards zero, so it is made positive first.
select
    hour,
    front_door,
    service,
    caller_key,
    target_group,
    (bucket + 8) // 8 - 1 as octave,
    coalesce(sum(requests) filter ((bucket + 8) % 8 = 0), 0)::bigint as n0,
    coalesce(sum(requests) filter ((bucket + 8) % 8 = 1), 0)::bigint as n1,
    coalesce(sum(requests) filter ((bucket + 8) % 8 = 2), 0)::bigint as n2,
    coalesce(sum(requests) filter ((bucket + 8) % 8 = 3), 0)::bigint as n3,
    coalesce(sum(requests) filter ((bucket + 8) % 8 = 4), 0)::bigint as n4,
    coalesce(sum(requests) filter ((bucket + 8) % 8 = 5), 0)::bigint as n5,
    coalesce(sum(requests) filter ((bucket + 8) % 8 = 6), 0)::bigint as n6,
    coalesce(sum(requests) filter ((bucket + 8) % 8 = 7), 0)::bigint as n7,
    subscription,
    day
from call_hours
where part = 'total'
group by hour, front_door, service, caller_key, target_group, octave, subscription, day
