-- hour_counts with names, by the hour and edge. The leg from Lattice to a load balancer that is its target is no edge of its
-- own. first_minute, last_minute and last_ok are exact.
select
    c.hour,
    coalesce(h.caller, n.caller, c.caller_key, 'unknown') as caller,
    coalesce(s.callee, c.service, 'unknown') as callee,
    min(c.caller_principal) as caller_principal,
    coalesce(s.service, c.service) as service,
    sum(c.requests)::bigint as requests,
    sum(c.ok)::bigint as ok,
    sum(c.client_errors)::bigint as client_errors,
    sum(c.denied)::bigint as denied,
    sum(c.server_errors)::bigint as server_errors,
    sum(c.no_response)::bigint as no_response,
    min(c.first_minute) as first_minute,
    max(c.last_minute) as last_minute,
    max(c.last_ok) as last_ok
from hour_counts as c
left join callee_names as s
    on c.service is not distinct from s.logged
    and c.target_group is not distinct from s.target_group
left join caller_names as n
    on c.service is not distinct from n.service
    and c.caller_key = n.caller_key
left join moving_callers as h
    on c.service is not distinct from h.service
    and case when n.moves then c.caller_key end = h.caller_key
    and c.hour = h.hour
where not (
        c.front_door = 'alb'
        and c.caller_key = 'lattice'
        and c.service in (select t.elb from seen_through as t)
    )
group by c.hour, coalesce(h.caller, n.caller, c.caller_key, 'unknown'), coalesce(s.callee, c.service, 'unknown'), coalesce(s.service, c.service)
