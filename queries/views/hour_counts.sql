-- edge_hours as call_counts is call_minutes: what a service network's subscription delivered of a service that has its own
-- is left out, and so is what replaced objects took back.
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
from (
    select h.* exclude (day)
    from edge_hours as h
    anti join uncertain_hours as k
        on h.hour = k.hour
        and coalesce(h.service, '') = k.service
        and coalesce(h.caller_key, '') = k.caller_key
    union all by name
    from corrected_hours
) as h
anti join own_subscriptions as o
    on case when h.subscription = 'network' then split_part(h.service, '/', 2) end = o.service_id
    and h.hour = o.hour
