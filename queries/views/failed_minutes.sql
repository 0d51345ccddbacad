-- Client errors, server errors and missing responses by the minute and edge: few rows among those of minute_calls.
select
    minute,
    caller,
    callee,
    outcome,
    sum(requests)::bigint as requests
from minute_calls
where outcome in ('client_error', 'server_error', 'no_response')
group by minute, caller, callee, outcome
