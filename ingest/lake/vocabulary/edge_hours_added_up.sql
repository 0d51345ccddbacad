-- call_minutes by the hour and edge, with a column for each outcome. Where something was taken back, some minutes may
-- have come to nothing: then first and last are left open.
select
    hour_of(minute) as hour,
    front_door,
    service,
    caller_principal,
    caller_key,
    target_group,
    sum(requests)::bigint as requests,
    coalesce(sum(requests) filter (outcome = 'ok'), 0)::bigint as ok,
    coalesce(sum(requests) filter (outcome = 'client_error'), 0)::bigint as client_errors,
    coalesce(sum(requests) filter (outcome = 'denied'), 0)::bigint as denied,
    coalesce(sum(requests) filter (outcome = 'server_error'), 0)::bigint as server_errors,
    coalesce(sum(requests) filter (outcome = 'no_response'), 0)::bigint as no_response,
    case when min(requests) > 0 then min(minute) end as first_minute,
    case when min(requests) > 0 then max(minute) end as last_minute,
    case when min(requests) > 0 then max(minute) filter (outcome = 'ok') end as last_ok,
    subscription,
    day
from call_minutes
group by hour_of(minute), front_door, service, caller_principal, caller_key, target_group, subscription, day
