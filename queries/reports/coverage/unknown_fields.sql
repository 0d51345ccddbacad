-- ---
-- title = "Fields nobody knows"
-- question = "Which fields do the logs have that this version does not know, since when, and what is in them?"
-- about = """
-- AWS appends fields before it documents them. Their values are kept in extra, so nothing is lost. Values are shown as
-- logged: they can be written by anybody who sends a request."""
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- [columns]
-- format = { type = "varchar", about = "table the rows are in" }
-- field = { type = "varchar", about = "its name; field_35 and the like for unnamed fields at a line's end" }
-- rows = { type = "bigint", about = "rows with it" }
-- sample = { type = "varchar", about = "one value, at most 200 characters" }
-- first_seen = { type = "timestamp with time zone", about = "first row with it" }
-- last_seen = { type = "timestamp with time zone", about = "last row with it" }
-- first_object = { type = "varchar", about = "object of the first" }
-- first_line = { type = "integer", about = "line in it, from 1" }
-- ---
with kept as (
    select
        'lattice_access' as format,
        start_time as time,
        extra,
        log_object,
        log_line
    from lattice_access
    where extra is not null
    union all
    select
        'lattice_resource_access',
        event_timestamp,
        extra,
        log_object,
        log_line
    from lattice_resource_access
    where extra is not null
    union all
    select
        'alb_access',
        time,
        extra,
        log_object,
        log_line
    from alb_access
    where extra is not null
    union all
    select
        'alb_connection',
        timestamp,
        extra,
        log_object,
        log_line
    from alb_connection
    where extra is not null
    union all
    select
        'alb_health_check',
        time,
        extra,
        log_object,
        log_line
    from alb_health_check
    where extra is not null
    union all
    select
        'vpc_flow',
        start_time,
        extra,
        log_object,
        log_line
    from vpc_flow
    where extra is not null
),

-- A redaction that cut through the JSON leaves none to be read.
fields as (
    select
        k.format,
        unnest(json_keys(k.extra)) as field,
        k.time,
        k.extra,
        k.log_object,
        k.log_line
    from kept as k
    where k.time >= $since
        and k.time < $until
        and json_valid(k.extra)
)

-- The value by JSON Pointer, which can name any field: a path in quotes ends at the first quote of the name.
select
    f.format,
    f.field,
    count(*) as rows,
    left(
        arg_min(
            f.extra::json ->> ('/' || replace(replace(f.field, '~', '~0'), '/', '~1')), (f.time, f.log_object, f.log_line)
        ),
        200
    ) as sample,
    min(f.time) as first_seen,
    max(f.time) as last_seen,
    arg_min(f.log_object, (f.time, f.log_object, f.log_line)) as first_object,
    arg_min(f.log_line, (f.time, f.log_object, f.log_line)) as first_line
from fields as f
group by f.format, f.field
order by rows desc, f.format, f.field
