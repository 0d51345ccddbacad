-- ---
-- title = "How late logs arrive"
-- question = "How long from an event to its object in S3, and from there into this lake?"
-- about = """
-- Per format: from an object's newest row to its last modification in S3 (AWS's own delay), and from then to its ingest
-- (ours; large after a backfill). complete_until is what the checks wait for. An object's oldest row waited longer than its
-- newest: oldest_p90_minutes."""
-- [params]
-- since = { type = "timestamptz", about = "start of the window, by an object's newest row" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- [columns]
-- format = { type = "varchar", about = "table the records go to" }
-- objects = { type = "bigint", about = "objects with rows" }
-- rows = { type = "bigint", about = "rows of these" }
-- delivery_p50_minutes = { type = "double", about = "newest row to S3, median, minutes" }
-- delivery_p90_minutes = { type = "double", about = "90th percentile of the same" }
-- delivery_p99_minutes = { type = "double", about = "99th percentile of the same" }
-- oldest_p90_minutes = { type = "double", about = "oldest row of an object to S3, 90th percentile" }
-- ingest_p50_minutes = { type = "double", about = "S3 to this lake, median" }
-- ingest_p90_minutes = { type = "double", about = "90th percentile of the same" }
-- latest_object = { type = "varchar", about = "object that was delivered latest after its newest row" }
-- newest = { type = "timestamp with time zone", about = "newest row" }
-- complete_until = { type = "timestamp with time zone", about = "until when the format is complete; NULL for formats nothing waits for" }
-- ---
with delays as (
    select
        o.format,
        o.log_object,
        o.rows as n,
        o.max_time,
        (epoch(o.last_modified) - epoch(o.max_time)) / 60 as delivery,
        (epoch(o.last_modified) - epoch(o.min_time)) / 60 as oldest,
        (epoch(o.ingested_at) - epoch(o.last_modified)) / 60 as ingest
    from objects as o
    where o.rows > 0
        and o.max_time >= $since
        and o.max_time < $until
),

formats as (
    select
        d.format,
        count(*) as objects,
        sum(d.n)::bigint as n,
        quantile_cont(d.delivery, [0.5, 0.9, 0.99]) as delivery,
        quantile_cont(d.oldest, 0.9) as oldest,
        quantile_cont(d.ingest, [0.5, 0.9]) as ingest,
        arg_max(d.log_object, (d.delivery, d.log_object)) as latest_object,
        max(d.max_time) as newest
    from delays as d
    group by d.format
)

select
    f.format,
    f.objects,
    f.n as rows,
    f.delivery[1] as delivery_p50_minutes,
    f.delivery[2] as delivery_p90_minutes,
    f.delivery[3] as delivery_p99_minutes,
    f.oldest as oldest_p90_minutes,
    f.ingest[1] as ingest_p50_minutes,
    f.ingest[2] as ingest_p90_minutes,
    f.latest_object,
    f.newest,
    w.complete_until
from formats as f
left join watermarks as w
    on f.format = w.source
order by f.format
