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

-- Whether the hours before the window's first one are all of the time from begin_at on, and all before turn.
create or replace temp macro is_history(begin_at, turn) as
hour_from(begin_at) = history_from() and turn >= first_hour();

-- The same calls, and whether a row is of the time before turn, which lies between the two: one look where two would be
-- planned. Where all of the session's history is asked about, it comes as one row an edge.
create or replace temp macro edge_calls_around(begin_at, turn, end_at) as table
select
    e.caller,
    e.callee,
    e.caller_principal,
    e.first_minute,
    e.last_minute,
    e.requests,
    e.ok,
    e.denied,
    true as is_before
from earlier_calls as e
where is_history(begin_at, turn)
union all
select
    h.caller,
    h.callee,
    h.caller_principal,
    h.first_minute,
    h.last_minute,
    h.requests,
    h.ok,
    h.denied,
    h.hour < turn
from hourly_calls as h
where h.hour >= case when is_history(begin_at, turn) then first_hour() else hour_from(begin_at) end
    and h.hour < hour_of(end_at)
    and (h.hour <> hour_of(turn) or hour_of(turn) = turn)
union all
select
    m.caller,
    m.callee,
    m.caller_principal,
    m.minute,
    m.minute,
    m.requests,
    case when m.outcome = 'ok' then m.requests else 0 end,
    case when m.outcome = 'denied' then m.requests else 0 end,
    m.minute < turn
from minute_calls as m
where m.minute >= begin_at
    and m.minute < least(hour_from(begin_at), end_at)
union all
select
    m.caller,
    m.callee,
    m.caller_principal,
    m.minute,
    m.minute,
    m.requests,
    case when m.outcome = 'ok' then m.requests else 0 end,
    case when m.outcome = 'denied' then m.requests else 0 end,
    m.minute < turn
from minute_calls as m
where m.minute >= greatest(hour_of(turn), hour_from(begin_at))
    and m.minute < end_at
    and (m.minute < hour_from(turn) or m.minute >= hour_of(end_at));
