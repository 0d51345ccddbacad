-- call_hours with names: latency per hour, edge and part, in logarithmic buckets (see the macros p50, p90, p99). The leg
-- from Lattice to a load balancer that is its target is no edge of its own.
select
    h.hour,
    coalesce(m.caller, n.caller, h.caller_key, 'unknown') as caller,
    coalesce(s.callee, h.service, 'unknown') as callee,
    coalesce(s.service, h.service) as service,
    h.front_door,
    h.target_group,
    h.part,
    h.bucket,
    sum(h.requests)::bigint as requests
from latency_counts as h
left join callee_names as s
    on h.service is not distinct from s.logged
    and h.target_group is not distinct from s.target_group
left join caller_names as n
    on h.service is not distinct from n.service
    and h.caller_key = n.caller_key
left join moving_callers as m
    on h.service is not distinct from m.service
    and case when n.moves then h.caller_key end = m.caller_key
    and h.hour = m.hour
where not (
        h.front_door = 'alb'
        and h.caller_key = 'lattice'
        and h.service in (select t.elb from seen_through as t)
    )
group by all
having sum(h.requests) <> 0
