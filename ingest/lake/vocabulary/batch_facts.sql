-- Every request of a batch as numbers: its combination, its time, its size and its latency buckets.
select
    log_line as combination,
    minute_of(time) as minute,
    bytes_in,
    bytes_out,
    latency_bucket(latency_ms) as total,
    latency_bucket(front_door_ms) as front,
    latency_bucket(target_ms) as target,
    latency_bucket(response_ms) as response,
    day
from numbered_requests
