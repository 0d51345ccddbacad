-- What latency is judged by: requests of the graph's edges, their names and their time. Narrow, so that a session which
-- asks often can hold it (Session.hold). Quantiles of whole numbers take a quarter less time; no log measures less than a
-- microsecond, and what is more than 64 bits of them is none.
select
    time,
    caller,
    callee,
    kind,
    outcome,
    try_cast(latency_ms * 1000 as bigint) as latency_us
from edge_requests
