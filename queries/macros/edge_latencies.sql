-- Latency of whole requests in the hours that begin in [begin_at, end_at), by edge and bucket. Several rows an edge and
-- bucket: the macros p50, p90 and p99 add them up. Counts are added up by raw ids first and named after; callers that are
-- addresses by the hour, because an address was somebody in an hour.
create or replace temp macro edge_latencies(begin_at, end_at) as table
with counted as (
    select
        c.front_door,
        c.service,
        c.target_group,
        c.caller_key,
        case when starts_with(c.caller_key, '/') or starts_with(c.caller_key, 'vpc-') then c.hour end as hour,
        c.octave,
        sum(c.n0) as n0,
        sum(c.n1) as n1,
        sum(c.n2) as n2,
        sum(c.n3) as n3,
        sum(c.n4) as n4,
        sum(c.n5) as n5,
        sum(c.n6) as n6,
        sum(c.n7) as n7
    from octave_counts as c
    where c.hour >= begin_at
        and c.hour < end_at
    group by all
),

named as (
    select
        coalesce(p.name, a.name, key_name(case when starts_with(c.caller_key, '/') then coalesce(x.vpc, v.vpc, '') else '' end || c.caller_key)) as caller,
        coalesce(s.name, g.service, c.service, 'unknown') as callee,
        coalesce(g.service, c.service) as service,
        c.octave,
        sum(c.n0) as n0,
        sum(c.n1) as n1,
        sum(c.n2) as n2,
        sum(c.n3) as n3,
        sum(c.n4) as n4,
        sum(c.n5) as n5,
        sum(c.n6) as n6,
        sum(c.n7) as n7
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
    group by caller, callee, coalesce(g.service, c.service), c.octave
),

spread as (
    select
        n.caller,
        n.callee,
        n.service,
        8 * n.octave + unnest(range(8))::integer as bucket,
        unnest([n.n0, n.n1, n.n2, n.n3, n.n4, n.n5, n.n6, n.n7])::bigint as requests
    from named as n
)

select *
from spread
where requests <> 0;
