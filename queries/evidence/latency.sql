-- ---
-- title = "How long the caller's requests took"
-- question = "What are median and p95 of the window?"
-- [params]
-- [columns]
-- requests = { type = "bigint", about = "requests with a duration" }
-- p50_ms = { type = "double", about = "median, ms" }
-- p95_ms = { type = "double", about = "95th percentile, ms" }
-- ---
select
    count(latency_ms) as requests,
    quantile_cont(latency_ms, 0.5) as p50_ms,
    quantile_cont(latency_ms, 0.95) as p95_ms
from attempts
where outcome <> 'denied'
