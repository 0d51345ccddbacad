-- The ledger, one row an object: its newest version and how many rows it has.
create temp table ledger as
select
    log_object,
    count(*) as entries,
    arg_max(format, ingested_at) as format,
    arg_max(records, ingested_at) as records,
    arg_max(rows, ingested_at) as rows,
    arg_max(rejects, ingested_at) as rejects,
    arg_max(dropped, ingested_at) as dropped,
    arg_max(min_time, ingested_at)::date as first_day,
    -- Where the file's name tells no day, the day of its ingest is what its rejects lie under.
    coalesce(
        try_strptime(regexp_extract(log_object, '_([0-9]{8})T[0-9]{4}Z[^/]*$', 1), '%Y%m%d'),
        max(ingested_at)
    )::date as named_day
from objects
group by log_object
