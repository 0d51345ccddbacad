-- Per format, account and region: how fresh, and how long rows took. Delivery: from an object's oldest row until AWS wrote
-- the object; ingest: from there until its rows were committed. Seconds.
select
    format,
    account,
    region,
    count(*) as objects,
    sum(rows)::bigint as rows,
    sum(rejects)::bigint as rejects,
    max(max_time) as newest,
    quantile_cont(epoch(last_modified - min_time), 0.5) as delivery_p50,
    quantile_cont(epoch(last_modified - min_time), 0.99) as delivery_p99,
    quantile_cont(epoch(ingested_at - last_modified), 0.5) as ingest_p50,
    quantile_cont(epoch(ingested_at - last_modified), 0.99) as ingest_p99
from deliveries
where format is not null
group by all
order by all
