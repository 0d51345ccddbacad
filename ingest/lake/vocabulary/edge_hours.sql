-- Requests per hour and edge, with a column for each outcome, of what call_minutes counts.
select
    r.edge_combination as combination,
    hour_of(m.minute) as hour,
    sum(m.requests)::bigint as requests,
    coalesce(sum(m.requests) filter (r.outcome = 'ok'), 0)::bigint as ok,
    coalesce(sum(m.requests) filter (r.outcome = 'client_error'), 0)::bigint as client_errors,
    coalesce(sum(m.requests) filter (r.outcome = 'denied'), 0)::bigint as denied,
    coalesce(sum(m.requests) filter (r.outcome = 'server_error'), 0)::bigint as server_errors,
    coalesce(sum(m.requests) filter (r.outcome = 'no_response'), 0)::bigint as no_response,
    min(m.minute) as first_minute,
    max(m.minute) as last_minute,
    max(m.minute) filter (r.outcome = 'ok') as last_ok,
    m.day
from counted_call_minutes as m
inner join batch_requests as r
    on m.combination = r.combination
group by r.edge_combination, hour_of(m.minute), m.day
