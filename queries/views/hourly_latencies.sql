-- octave_counts with names, by the hour and edge. The leg from Lattice to a load balancer that is its target is no edge of its
-- own.
select
    c.hour,
    coalesce(n.caller, h.caller, c.caller_key, 'unknown') as caller,
    coalesce(s.callee, c.service, 'unknown') as callee,
    coalesce(s.service, c.service) as service,
    c.octave,
    sum(c.n0)::bigint as n0,
    sum(c.n1)::bigint as n1,
    sum(c.n2)::bigint as n2,
    sum(c.n3)::bigint as n3,
    sum(c.n4)::bigint as n4,
    sum(c.n5)::bigint as n5,
    sum(c.n6)::bigint as n6,
    sum(c.n7)::bigint as n7
from octave_counts as c
left join callee_names as s
    on c.service is not distinct from s.logged
    and c.target_group is not distinct from s.target_group
left join caller_names as n
    on c.service is not distinct from n.service
    and c.caller_key = n.caller_key
left join moving_callers as h
    on c.service is not distinct from h.service
    and case when n.caller is null then c.caller_key end = h.caller_key
    and c.hour = h.hour
where not (
        c.front_door = 'alb'
        and c.caller_key = 'lattice'
        and c.service in (select t.elb from seen_through as t)
    )
group by c.hour, coalesce(n.caller, h.caller, c.caller_key, 'unknown'), coalesce(s.callee, c.service, 'unknown'), coalesce(s.service, c.service), c.octave
