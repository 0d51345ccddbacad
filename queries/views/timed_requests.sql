-- What latency is judged by: requests of the graph's edges whose latency is known (http and grpc), their names and their
-- time. Narrow, so that a session which asks often can hold it (Session.hold).
select
    time,
    caller,
    callee,
    is_denied,
    whole_us(latency_ms) as latency_us
from edge_requests
where latency_ms is not null
