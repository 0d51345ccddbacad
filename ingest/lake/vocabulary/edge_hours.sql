-- Requests per hour and edge, with a column for each outcome: what edge_hours_added_up makes of call_minutes.
with counted as (
    select
        r.edge_combination as combination,
        hour_of(f.minute) as hour,
        count(*) as requests,
        count(*) filter (r.outcome = 'ok') as ok,
        count(*) filter (r.outcome = 'client_error') as client_errors,
        count(*) filter (r.outcome = 'denied') as denied,
        count(*) filter (r.outcome = 'server_error') as server_errors,
        count(*) filter (r.outcome = 'no_response') as no_response,
        min(f.minute) as first_minute,
        max(f.minute) as last_minute,
        max(f.minute) filter (r.outcome = 'ok') as last_ok,
        f.day
    from batch_facts as f
    inner join batch_requests as r
        on f.combination = r.combination
    group by r.edge_combination, hour_of(f.minute), f.day
)

select
    c.hour,
    r.front_door,
    r.service,
    r.caller_principal,
    r.caller_key,
    r.target_group,
    c.requests,
    c.ok,
    c.client_errors,
    c.denied,
    c.server_errors,
    c.no_response,
    c.first_minute,
    c.last_minute,
    c.last_ok,
    r.subscription,
    c.day
from counted as c
inner join batch_requests as r
    on c.combination = r.combination
