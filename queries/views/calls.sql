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
-- client_errors = { type = "bigint", about = "answered 400 to 499, the application's own 403 among them" }
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
    coalesce(p.name, a.name, key_name(case when starts_with(c.caller_key, '/') then coalesce(x.vpc, v.vpc, '') else '' end || c.caller_key)) as caller,
    coalesce(s.name, g.service, c.service, 'unknown') as callee,
    c.caller_principal,
    coalesce(g.service, c.service) as service,
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
left join alb_target_groups as g
    on c.service = g.elb
    and c.target_group = g.target_group
left join service_names as s
    on coalesce(g.service, c.service) = s.service
left join principal_names as p
    on case when not starts_with(c.caller_key, 'vpc-') then c.caller_key end = p.principal
left join alb_peers as x
    on c.service = x.elb
    and case when starts_with(c.caller_key, '/') then substr(c.caller_key, 2) end = x.ip
    and hour_of(c.minute) = x.hour
left join address_vpcs as v
    on case when starts_with(c.caller_key, '/') then substr(c.caller_key, 2) end = v.ip
    and hour_of(c.minute) = v.hour
left join address_names as a
    on coalesce(c.caller_vpc, x.vpc, v.vpc) = a.vpc
    and case when c.caller_principal is null then split_part(c.caller_key, '/', 2) end = a.ip
    and hour_of(c.minute) = a.hour
where not (
        c.front_door = 'alb'
        and c.caller_key = 'lattice'
        and c.service in (select t.elb from seen_through as t)
    )
group by all
having sum(c.requests) <> 0
