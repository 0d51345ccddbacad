-- The calls of [begin_at, end_at) by edge, as in the view calls but without its minutes: counts are added up by raw ids
-- first and named after, thousands of rows instead of millions. Several rows an edge: add them up. An address was
-- somebody in an hour, so callers that are addresses are counted by the hour. minute: that of client errors, server
-- errors and missing responses, and of all calls of the callees (display names) in minutes_of; NULL for the rest.
create or replace temp macro edge_calls(begin_at, end_at, minutes_of := []::varchar[]) as table
with counted as (
    select
        c.front_door,
        c.service,
        c.target_group,
        c.caller_key,
        case when starts_with(c.caller_key, '/') or starts_with(c.caller_key, 'vpc-') then hour_of(c.minute) end as hour,
        case
            when c.outcome in ('client_error', 'server_error', 'no_response') then c.minute
            when c.service in (
                select split_part(s.service, '#', 1)
                from service_names as s
                where list_contains(minutes_of, s.name)
            ) then c.minute
        end as minute,
        min(c.caller_principal) as caller_principal,
        min(c.minute) as first_minute,
        max(c.minute) as last_minute,
        max(c.minute) filter (c.outcome = 'ok') as last_ok,
        sum(c.requests) as requests,
        coalesce(sum(c.requests) filter (c.outcome = 'ok'), 0) as ok,
        coalesce(sum(c.requests) filter (c.outcome = 'client_error'), 0) as client_errors,
        coalesce(sum(c.requests) filter (c.outcome = 'denied'), 0) as denied,
        coalesce(sum(c.requests) filter (c.outcome = 'server_error'), 0) as server_errors,
        coalesce(sum(c.requests) filter (c.outcome = 'no_response'), 0) as no_response
    from call_counts as c
    where c.minute >= begin_at
        and c.minute < end_at
    group by all
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
    c.caller_principal,
    c.service_id as service,
    c.minute,
    c.first_minute,
    c.last_minute,
    c.last_ok,
    c.requests,
    c.ok,
    c.client_errors,
    c.denied,
    c.server_errors,
    c.no_response
from placed as c
left join service_names as s
    on c.service_id = s.service
left join principal_names as p
    on case when not starts_with(c.caller_key, 'vpc-') then c.caller_key end = p.principal
left join address_names as a
    on c.vpc = a.vpc
    and split_part(c.caller_key, '/', 2) = a.ip
    and c.hour = a.hour;
