-- call_minutes of [begin_at, end_at) per hour, with the names of caller and callee and all that the rollup tells apart. The
-- leg from Lattice to a load balancer that is its target is no call of its own.
create or replace temp macro window_calls(begin_at, end_at) as table
with counted as (
    select
        hour_of(m.minute) as hour,
        m.front_door,
        m.service,
        m.host,
        m.caller_principal,
        m.caller_key,
        m.caller_account,
        m.caller_vpc,
        m.target_group,
        m.kind,
        m.outcome,
        m.auth_decision,
        m.denied_by,
        m.signed,
        m.ip_version,
        sum(m.requests)::bigint as requests,
        sum(m.bytes_in)::bigint as bytes_in,
        sum(m.bytes_out)::bigint as bytes_out
    from call_counts as m
    where m.minute >= begin_at
        and m.minute < end_at
        and not (
            m.front_door = 'alb'
            and m.caller_key = 'lattice'
            and m.service in (select t.elb from seen_through as t)
        )
    group by all
    having sum(m.requests) <> 0
)

select
    coalesce(p.name, a.name, key_name(case when starts_with(c.caller_key, '/') then coalesce(x.vpc, v.vpc, '') else '' end || c.caller_key)) as caller,
    coalesce(s.name, g.service, c.service, 'unknown') as callee,
    coalesce(s.node, g.service, c.service) as callee_node,
    coalesce(g.service, c.service) as called,
    coalesce(c.caller_vpc, x.vpc, v.vpc) as vpc,
    case when c.caller_principal is null then split_part(c.caller_key, '/', 2) end as ip,
    c.*
from counted as c
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
    on coalesce(c.caller_vpc, x.vpc, v.vpc) = a.vpc
    and case when c.caller_principal is null then split_part(c.caller_key, '/', 2) end = a.ip
    and c.hour = a.hour;

-- Roles, and who else called in the same hour from an address of theirs, or from the other address of the same interface, without
-- the signature of a role: with a certificate, or with nothing. That may be the same program.
create or replace temp macro called_beside(begin_at, end_at) as table
with places as (
    select
        s.hour,
        s.vpc,
        s.ip,
        s.principal
    from sources as s
    where s.hour >= hour_of(begin_at)
        and s.hour < end_at
        and contains(s.principal, ':role/')
    union
    select
        s.hour,
        s.vpc,
        b.sibling,
        s.principal
    from sources as s
    inner join siblings as b
        on s.hour = b.hour
        and s.vpc = b.vpc
        and s.ip = b.ip
    where s.hour >= hour_of(begin_at)
        and s.hour < end_at
        and contains(s.principal, ':role/')
),

others as (
    select
        s.hour,
        s.vpc,
        s.ip,
        coalesce(p.name, key_name(s.principal)) as caller
    from sources as s
    left join principal_names as p
        on s.principal = p.principal
    where s.hour >= hour_of(begin_at)
        and s.hour < end_at
        and is_certificate(s.principal)
    union
    select
        c.hour,
        c.vpc,
        c.ip,
        c.caller
    from window_calls(begin_at, end_at) as c
    where c.ip is not null
)

select
    a.principal,
    string_agg(distinct o.caller, ', ' order by o.caller) as callers
from places as a
inner join others as o
    on a.hour = o.hour
    and a.vpc = o.vpc
    and a.ip = o.ip
left join principal_names as p
    on a.principal = p.principal
where o.caller <> coalesce(p.name, key_name(a.principal))
group by a.principal;
