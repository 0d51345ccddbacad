-- Keys of callers that stand for several in the session's hours, by the hour: addresses that changed hands.
select h.*
from hourly_callers as h
anti join caller_names as c
    on h.service is not distinct from c.service
    and h.caller_key = c.caller_key
