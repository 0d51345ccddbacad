-- call_counts with names, a row for each of its rows: what the view calls adds up. The leg from Lattice to a load balancer
-- that is its target is no edge of its own.
select
    c.minute,
    coalesce(p.name, a.name, key_name(case when starts_with(c.caller_key, '/') then coalesce(x.vpc, v.vpc, '') else '' end || c.caller_key)) as caller,
    coalesce(s.name, g.service, c.service, 'unknown') as callee,
    c.caller_principal,
    coalesce(g.service, c.service) as service,
    c.outcome,
    c.requests
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
    on case
        when starts_with(c.caller_key, '/') then coalesce(x.vpc, v.vpc)
        when starts_with(c.caller_key, 'vpc-') then split_part(c.caller_key, '/', 1)
    end = a.vpc
    and split_part(c.caller_key, '/', 2) = a.ip
    and hour_of(c.minute) = a.hour
where not (
        c.front_door = 'alb'
        and c.caller_key = 'lattice'
        and c.service in (select t.elb from seen_through as t)
    )
