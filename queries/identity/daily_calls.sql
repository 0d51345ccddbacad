-- The calls of each day by edge: hourly_calls added up, which names callers the same way (caller_names and moving_callers are
-- hourly_callers over the session's window, and this is of the day alone).
select
    c.hour::date as day,
    coalesce(h.caller, p.name, key_name(c.caller_key)) as caller,
    coalesce(s.callee, c.service, 'unknown') as callee,
    coalesce(s.service, c.service) as service,
    min(c.caller_principal) as caller_principal,
    min(c.first_minute) as first_minute,
    max(c.last_minute) as last_minute,
    max(c.last_ok) as last_ok,
    sum(c.requests)::bigint as requests,
    sum(c.ok)::bigint as ok,
    sum(c.client_errors)::bigint as client_errors,
    sum(c.denied)::bigint as denied,
    sum(c.server_errors)::bigint as server_errors,
    sum(c.no_response)::bigint as no_response
from hour_counts as c
left join callee_names as s
    on c.service is not distinct from s.logged
    and c.target_group is not distinct from s.target_group
left join principal_names as p
    on c.caller_key = p.principal
left join hourly_callers as h
    on c.hour = h.hour
    and c.service is not distinct from h.service
    and c.caller_key = h.caller_key
where not (
        c.front_door = 'alb'
        and c.caller_key = 'lattice'
        and c.service in (select t.elb from seen_through as t)
    )
group by all
