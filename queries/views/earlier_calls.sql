-- What the session's history counts of each edge, the hours before the window's first one: hourly_calls added up. A session that
-- asks often holds it, for questions about weeks.
select
    h.caller,
    h.callee,
    min(h.caller_principal) as caller_principal,
    sum(h.requests)::bigint as requests,
    sum(h.ok)::bigint as ok,
    sum(h.denied)::bigint as denied,
    min(h.first_minute) as first_minute,
    max(h.last_minute) as last_minute
from hourly_calls as h
where h.hour >= history_from()
    and h.hour < first_hour()
group by h.caller, h.callee
