-- call_counts with names, a row for each of its rows: what the view calls adds up. The leg from Lattice to a load balancer
-- that is its target is no edge of its own.
select
    c.minute,
    coalesce(h.caller, n.caller, c.caller_key, 'unknown') as caller,
    coalesce(s.callee, c.service, 'unknown') as callee,
    c.caller_principal,
    coalesce(s.service, c.service) as service,
    c.outcome,
    c.requests
from call_counts as c
left join callee_names as s
    on c.service is not distinct from s.logged
    and c.target_group is not distinct from s.target_group
left join caller_names as n
    on c.service is not distinct from n.service
    and c.caller_key = n.caller_key
left join moving_callers as h
    on c.service is not distinct from h.service
    and case when n.moves then c.caller_key end = h.caller_key
    and hour_of(c.minute) = h.hour
where not (
        c.front_door = 'alb'
        and c.caller_key = 'lattice'
        and c.service in (select t.elb from seen_through as t)
    )
