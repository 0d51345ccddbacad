-- hour_counts with names, by the hour and edge. The leg from Lattice to a load balancer that is its target is no edge of its
-- own. first_minute, last_minute and last_ok are exact.
select
    c.hour,
    coalesce(p.name, a.name, key_name(case when starts_with(c.caller_key, '/') then coalesce(x.vpc, v.vpc, '') else '' end || c.caller_key)) as caller,
    coalesce(s.name, g.service, c.service, 'unknown') as callee,
    min(c.caller_principal) as caller_principal,
    coalesce(g.service, c.service) as service,
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
    and c.hour = x.hour
left join address_vpcs as v
    on case when starts_with(c.caller_key, '/') then substr(c.caller_key, 2) end = v.ip
    and c.hour = v.hour
left join address_names as a
    on case
        when starts_with(c.caller_key, '/') then coalesce(x.vpc, v.vpc)
        when starts_with(c.caller_key, 'vpc-') then split_part(c.caller_key, '/', 1)
    end = a.vpc
    and split_part(c.caller_key, '/', 2) = a.ip
    and c.hour = a.hour
where not (
        c.front_door = 'alb'
        and c.caller_key = 'lattice'
        and c.service in (select t.elb from seen_through as t)
    )
group by c.hour, caller, callee, coalesce(g.service, c.service)
