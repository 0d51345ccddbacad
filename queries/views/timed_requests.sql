-- What latency is judged by: requests of the graph's edges, their names and their time. Narrow, so that a session which
-- asks often can hold it (Session.hold).
select
    time,
    caller,
    callee,
    kind,
    outcome,
    whole_us(latency_ms) as latency_us
from edge_requests
