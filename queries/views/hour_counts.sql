-- edge_hours as call_counts is call_minutes: what a service network's subscription delivered of a service that has its own
-- is left out, and hours in which something was taken back are counted from their minutes.
select
    h.hour,
    h.front_door,
    h.service,
    h.caller_principal,
    h.caller_key,
    h.target_group,
    h.requests,
    h.ok,
    h.client_errors,
    h.denied,
    h.server_errors,
    h.no_response,
    h.first_minute,
    h.last_minute,
    h.last_ok
from edge_hours as h
anti join corrected_hours as k
    on h.hour = k.hour
    and coalesce(h.service, '') = k.service
    and coalesce(h.caller_key, '') = k.caller_key
anti join own_subscriptions as o
    on case when h.subscription = 'network' then split_part(h.service, '/', 2) end = o.service_id
    and h.hour = o.hour
union all
select
    k.hour,
    c.front_door,
    c.service,
    c.caller_principal,
    c.caller_key,
    c.target_group,
    sum(c.requests)::bigint as requests,
    coalesce(sum(c.requests) filter (c.outcome = 'ok'), 0)::bigint as ok,
    coalesce(sum(c.requests) filter (c.outcome = 'client_error'), 0)::bigint as client_errors,
    coalesce(sum(c.requests) filter (c.outcome = 'denied'), 0)::bigint as denied,
    coalesce(sum(c.requests) filter (c.outcome = 'server_error'), 0)::bigint as server_errors,
    coalesce(sum(c.requests) filter (c.outcome = 'no_response'), 0)::bigint as no_response,
    min(c.minute) as first_minute,
    max(c.minute) as last_minute,
    max(c.minute) filter (c.outcome = 'ok') as last_ok
from call_counts as c
inner join corrected_hours as k
    on hour_of(c.minute) = k.hour
    and coalesce(c.service, '') = k.service
    and coalesce(c.caller_key, '') = k.caller_key
group by k.hour, c.front_door, c.service, c.caller_principal, c.caller_key, c.target_group
