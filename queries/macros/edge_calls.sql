-- The calls of [begin_at, end_at) by edge, as in the view calls: whole hours from the hourly rollup, what is left at both
-- ends from the minutes. Add the rows of an edge up.
create or replace temp macro edge_calls(begin_at, end_at) as table
select
    h.caller,
    h.callee,
    h.caller_principal,
    h.service,
    h.hour,
    h.first_minute,
    h.last_minute,
    h.last_ok,
    h.requests,
    h.ok,
    h.client_errors,
    h.denied,
    h.server_errors,
    h.no_response
from hourly_calls as h
where h.hour >= hour_from(begin_at)
    and h.hour < hour_of(end_at)
union all
select
    m.caller,
    m.callee,
    m.caller_principal,
    m.service,
    hour_of(m.minute),
    m.minute,
    m.minute,
    case when m.outcome = 'ok' then m.minute end,
    m.requests,
    case when m.outcome = 'ok' then m.requests else 0 end,
    case when m.outcome = 'client_error' then m.requests else 0 end,
    case when m.outcome = 'denied' then m.requests else 0 end,
    case when m.outcome = 'server_error' then m.requests else 0 end,
    case when m.outcome = 'no_response' then m.requests else 0 end
from minute_calls as m
where m.minute >= begin_at
    and m.minute < least(hour_from(begin_at), end_at)
union all
select
    m.caller,
    m.callee,
    m.caller_principal,
    m.service,
    hour_of(m.minute),
    m.minute,
    m.minute,
    case when m.outcome = 'ok' then m.minute end,
    m.requests,
    case when m.outcome = 'ok' then m.requests else 0 end,
    case when m.outcome = 'client_error' then m.requests else 0 end,
    case when m.outcome = 'denied' then m.requests else 0 end,
    case when m.outcome = 'server_error' then m.requests else 0 end,
    case when m.outcome = 'no_response' then m.requests else 0 end
from minute_calls as m
where m.minute >= greatest(hour_of(end_at), hour_from(begin_at))
    and m.minute < end_at;

-- The same for sums and bounds of more than some hours: of the days that are kept, those that lie in it whole are a row an
-- edge each.
create or replace temp macro edge_spans(begin_at, end_at) as table
select
    c.caller,
    c.callee,
    c.caller_principal,
    c.first_minute,
    c.last_minute,
    c.last_ok,
    c.requests,
    c.ok,
    c.client_errors,
    c.denied,
    c.server_errors,
    c.no_response
from edge_calls(begin_at, end_at) as c
where not (
        c.hour >= greatest(kept_from(), day_from(begin_at))
        and c.hour < least(kept_until(), day_of(end_at))
    )
union all
select
    d.caller,
    d.callee,
    d.caller_principal,
    d.first_minute,
    d.last_minute,
    d.last_ok,
    d.requests,
    d.ok,
    d.client_errors,
    d.denied,
    d.server_errors,
    d.no_response
from daily_calls as d
where d.day >= greatest(kept_from(), day_from(begin_at))::date
    and d.day < least(kept_until(), day_of(end_at))::date;

-- The same, one row an edge.
create or replace temp macro edge_totals(begin_at, end_at) as table
select
    c.caller,
    c.callee,
    min(c.caller_principal) as caller_principal,
    sum(c.requests)::bigint as requests,
    sum(c.ok)::bigint as ok,
    sum(c.client_errors)::bigint as client_errors,
    sum(c.denied)::bigint as denied,
    sum(c.server_errors)::bigint as server_errors,
    sum(c.no_response)::bigint as no_response,
    min(c.first_minute) as first_minute,
    max(c.last_minute) as last_minute
from edge_spans(begin_at, end_at) as c
group by c.caller, c.callee;
