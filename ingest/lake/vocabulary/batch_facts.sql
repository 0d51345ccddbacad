-- Every request of a batch as integers: its combination, its minute and hour (since 1970), its sizes and its latency
-- buckets.
select
    log_line as combination,
    epoch_us(minute_of(time)) // 60_000_000 as minute,
    epoch_us(hour_of(time)) // 3_600_000_000 as hour,
    countable(bytes_in) as bytes_in,
    countable(bytes_out) as bytes_out,
    latency_bucket(latency_ms) as total,
    latency_bucket(front_door_ms) as front_door,
    latency_bucket(target_ms) as target,
    latency_bucket(response_ms) as response,
    day - date '1970-01-01' as day
from numbered_requests
