-- The totals of call_hours by the hour, edge and eight buckets: 3 rows where call_hours has 15, and no text in most of them.
-- Octaves begin at multiples of eight below 0 too, where // would cut towards zero: bucket -1 (0 ms) is the last of -1.
select
    hour,
    front_door,
    service,
    caller_key,
    target_group,
    floor(bucket / 8)::integer as octave,
    coalesce(sum(requests) filter (bucket - 8 * floor(bucket / 8) = 0), 0)::bigint as n0,
    coalesce(sum(requests) filter (bucket - 8 * floor(bucket / 8) = 1), 0)::bigint as n1,
    coalesce(sum(requests) filter (bucket - 8 * floor(bucket / 8) = 2), 0)::bigint as n2,
    coalesce(sum(requests) filter (bucket - 8 * floor(bucket / 8) = 3), 0)::bigint as n3,
    coalesce(sum(requests) filter (bucket - 8 * floor(bucket / 8) = 4), 0)::bigint as n4,
    coalesce(sum(requests) filter (bucket - 8 * floor(bucket / 8) = 5), 0)::bigint as n5,
    coalesce(sum(requests) filter (bucket - 8 * floor(bucket / 8) = 6), 0)::bigint as n6,
    coalesce(sum(requests) filter (bucket - 8 * floor(bucket / 8) = 7), 0)::bigint as n7,
    subscription,
    day
from call_hours
where part = 'total'
group by hour, front_door, service, caller_key, target_group, octave, subscription, day
