-- call_hours of [begin_at, end_at) by edge and bucket, of one part: counts are added up by raw ids first and named after.
-- Several rows an edge and bucket: the macros p50, p90 and p99 add them up.
create or replace temp macro edge_latencies(begin_at, end_at, of_part) as table
with counted as (
    select
        c.front_door,
        c.service,
        c.target_group,
        c.caller_key,
        case when starts_with(c.caller_key, '/') or starts_with(c.caller_key, 'vpc-') then c.hour end as hour,
        c.bucket,
        sum(c.requests) as requests
    from latency_counts as c
    where c.hour >= begin_at
        and c.hour < end_at
        and c.part = of_part
    group by all
    having sum(c.requests) <> 0
),

placed as (
    select
        c.*,
        coalesce(g.service, c.service) as service_id,
        case
            when starts_with(c.caller_key, '/') then coalesce(x.vpc, v.vpc)
            when starts_with(c.caller_key, 'vpc-') then split_part(c.caller_key, '/', 1)
        end as vpc,
        case when starts_with(c.caller_key, '/') then coalesce(x.vpc, v.vpc, '') else '' end || c.caller_key as key
    from counted as c
    left join alb_target_groups as g
        on c.service = g.elb
        and c.target_group = g.target_group
    left join alb_peers as x
        on c.service = x.elb
        and case when starts_with(c.caller_key, '/') then substr(c.caller_key, 2) end = x.ip
        and c.hour = x.hour
    left join address_vpcs as v
        on case when starts_with(c.caller_key, '/') then substr(c.caller_key, 2) end = v.ip
        and c.hour = v.hour
    where not (
            c.front_door = 'alb'
            and c.caller_key = 'lattice'
            and c.service in (select t.elb from seen_through as t)
        )
)

select
    coalesce(p.name, a.name, key_name(c.key)) as caller,
    coalesce(s.name, c.service_id, 'unknown') as callee,
    c.service_id as service,
    c.bucket,
    c.requests
from placed as c
left join service_names as s
    on c.service_id = s.service
left join principal_names as p
    on case when not starts_with(c.caller_key, 'vpc-') then c.caller_key end = p.principal
left join address_names as a
    on c.vpc = a.vpc
    and split_part(c.caller_key, '/', 2) = a.ip
    and c.hour = a.hour;
