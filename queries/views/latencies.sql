-- call_hours with names: latency per hour, edge and part, in logarithmic buckets (see the macros p50, p90, p99). The leg
-- from Lattice to a load balancer that is its target is no edge of its own.
select
    h.hour,
    coalesce(
        p.name,
        a.name,
        key_name(case when starts_with(h.caller_key, '/') then coalesce(x.vpc, v.vpc, '') else '' end || h.caller_key)
    ) as caller,
    coalesce(s.name, g.service, h.service, 'unknown') as callee,
    coalesce(g.service, h.service) as service,
    h.front_door,
    h.target_group,
    h.part,
    h.bucket,
    sum(h.requests)::bigint as requests
from latency_counts as h
left join alb_target_groups as g
    on h.service = g.elb
    and h.target_group = g.target_group
left join service_names as s
    on coalesce(g.service, h.service) = s.service
left join principal_names as p
    on case when not starts_with(h.caller_key, 'vpc-') then h.caller_key end = p.principal
left join alb_peers as x
    on h.service = x.elb
    and case when starts_with(h.caller_key, '/') then substr(h.caller_key, 2) end = x.ip
    and h.hour = x.hour
left join address_vpcs as v
    on case when starts_with(h.caller_key, '/') then substr(h.caller_key, 2) end = v.ip
    and h.hour = v.hour
left join address_names as a
    on coalesce(
        case when starts_with(h.caller_key, 'vpc-') then split_part(h.caller_key, '/', 1) end, x.vpc, v.vpc
    ) = a.vpc
    and case when h.caller_principal is null then split_part(h.caller_key, '/', 2) end = a.ip
    and h.hour = a.hour
where not (
        h.front_door = 'alb'
        and h.caller_key = 'lattice'
        and h.service in (select t.elb from seen_through as t)
    )
group by all
having sum(h.requests) <> 0
