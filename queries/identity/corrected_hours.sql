-- uncertain_hours counted from their minutes, in the columns of edge_hours that hour_counts has.
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
    max(c.minute) filter (c.outcome = 'ok') as last_ok,
    c.subscription
from (
    select c.*
    from call_minutes as c
    anti join corrections as k
        on c.minute = k.minute
        and coalesce(c.service, '') = k.service
        and coalesce(c.caller_key, '') = k.caller_key
    union all
    from corrected_minutes
) as c
inner join uncertain_hours as k
    on hour_of(c.minute) = k.hour
    and coalesce(c.service, '') = k.service
    and coalesce(c.caller_key, '') = k.caller_key
group by k.hour, c.front_door, c.service, c.caller_principal, c.caller_key, c.target_group, c.subscription
