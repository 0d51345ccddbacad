-- ---
-- about = "call_minutes with names: requests per minute and edge"
-- [columns]
-- minute = { type = "timestamp with time zone", about = "start of the minute" }
-- caller = { type = "varchar", about = "display name of the caller's node" }
-- callee = { type = "varchar", about = "display name of the callee's node" }
-- caller_principal = { type = "varchar", about = "role or user ARN without the session" }
-- service = { type = "varchar", about = "the callee's id, as in requests" }
-- front_door = { type = "varchar", about = "lattice or alb" }
-- target_group = { type = "varchar", about = "target group's ARN" }
-- requests = { type = "bigint", about = "requests" }
-- ok = { type = "bigint", about = "answered below 400" }
-- client_errors = { type = "bigint", about = "answered 400 to 499, the application's own 403 among them, or left by the caller amid the response" }
-- denied = { type = "bigint", about = "refused before the application" }
-- server_errors = { type = "bigint", about = "answered 500 and above" }
-- no_response = { type = "bigint", about = "a response was due and none came" }
-- bytes_in = { type = "bigint", about = "bytes received from callers" }
-- bytes_out = { type = "bigint", about = "bytes sent to callers" }
-- ---
-- call_counts with names, per minute and edge. The leg from Lattice to a load balancer that is its target is not an edge
-- of its own: the Lattice line already is that call.
select
    c.minute,
    coalesce(m.caller, n.caller, c.caller_key, 'unknown') as caller,
    coalesce(s.callee, c.service, 'unknown') as callee,
    c.caller_principal,
    coalesce(s.service, c.service) as service,
    c.front_door,
    c.target_group,
    sum(c.requests)::bigint as requests,
    coalesce(sum(c.requests) filter (c.outcome = 'ok'), 0)::bigint as ok,
    coalesce(sum(c.requests) filter (c.outcome = 'client_error'), 0)::bigint as client_errors,
    coalesce(sum(c.requests) filter (c.outcome = 'denied'), 0)::bigint as denied,
    coalesce(sum(c.requests) filter (c.outcome = 'server_error'), 0)::bigint as server_errors,
    coalesce(sum(c.requests) filter (c.outcome = 'no_response'), 0)::bigint as no_response,
    sum(c.bytes_in)::bigint as bytes_in,
    sum(c.bytes_out)::bigint as bytes_out
from call_counts as c
left join callee_names as s
    on c.service is not distinct from s.logged
    and c.target_group is not distinct from s.target_group
left join caller_names as n
    on c.service is not distinct from n.service
    and c.caller_key = n.caller_key
left join moving_callers as m
    on c.service is not distinct from m.service
    and case when n.moves then c.caller_key end = m.caller_key
    and hour_of(c.minute) = m.hour
where not (
        c.front_door = 'alb'
        and c.caller_key = 'lattice'
        and c.service in (select t.elb from seen_through as t)
    )
group by all
having sum(c.requests) <> 0
