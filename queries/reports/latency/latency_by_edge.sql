-- ---
-- title = "Latency by edge, now and before"
-- question = "Which edges became slower, and by how much?"
-- about = """
-- Now: exact, from the requests, for windows of up to exact_minutes; longer ones from the hourly rollup (whole hours, within
-- 5 %; exact says which). Before: the rollup's whole hours before the window. Refused requests, which are answered at once, are
-- left out of an exact now; the rollup holds them, so a rolled-up now of an edge that is refused looks faster than it is, and an edge
-- of which more than max_refused was refused before is not compared."""
-- history_hours = 168
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- baseline_hours = { type = "bigint", default = 168, about = "hours before the window to compare with" }
-- min_requests = { type = "bigint", default = 20, about = "leave out edges with fewer timed requests in the window" }
-- exact_minutes = { type = "bigint", default = 360, about = "longest window whose quantiles come from the requests" }
-- max_refused = { type = "double", default = 0.1, about = "share of refusals before with which it is compared, at most" }
-- [columns]
-- caller = { type = "varchar", about = "display name of the caller's node" }
-- callee = { type = "varchar", about = "display name of the callee's node" }
-- n = { type = "bigint", about = "timed requests in the window" }
-- p50_ms = { type = "double", about = "median now" }
-- p90_ms = { type = "double", about = "90th percentile now" }
-- p99_ms = { type = "double", about = "99th percentile now" }
-- exact = { type = "boolean", about = "now comes from the requests, not from the rollup" }
-- n_before = { type = "bigint", about = "timed requests before" }
-- p50_before_ms = { type = "double", about = "median before; NULL: not called then, or too often refused" }
-- p90_before_ms = { type = "double", about = "90th percentile before" }
-- p99_before_ms = { type = "double", about = "99th percentile before" }
-- p90_ratio = { type = "double", about = "p90 now / before" }
-- complete_until = { type = "timestamp with time zone", about = "until when every source is complete" }
-- ---
with raw as (
    select
        r.caller,
        r.callee,
        count(*) as n,
        list_transform(quantile_cont(r.latency_us, [0.5, 0.9, 0.99]), lambda us: ms_of(us)) as ms,
        true as exact
    from timed_requests as r
    where r.time >= $since
        and r.time < $until
        and $until - $since <= to_minutes($exact_minutes)
        and not r.is_denied
    group by r.caller, r.callee
),

rolled as (
    select
        l.caller,
        l.callee,
        sum(l.requests) as n,
        [p50(l.bucket, l.requests), p90(l.bucket, l.requests), p99(l.bucket, l.requests)] as ms,
        false as exact
    from edge_latencies(hour_of($since), $until) as l
    where $until - $since > to_minutes($exact_minutes)
    group by l.caller, l.callee
),

present as (
    from (
        from raw
        union all
        from rolled
    )
    where n >= $min_requests
),

refused as (
    select
        e.caller,
        e.callee
    from edges($since - to_hours($baseline_hours), $since) as e
    where e.denied > $max_refused * e.requests
),

-- Of the past only what is compared: a week knows many more edges than an hour.
past as (
    select
        l.caller,
        l.callee,
        sum(l.requests) as n,
        case
            when any_value(r.caller) is null
                then [p50(l.bucket, l.requests), p90(l.bucket, l.requests), p99(l.bucket, l.requests)]
        end as ms
    from edge_latencies($since - to_hours($baseline_hours), hour_of($since)) as l
    semi join present as c
        on l.caller = c.caller
        and l.callee = c.callee
    left join refused as r
        on l.caller = r.caller
        and l.callee = r.callee
    group by l.caller, l.callee
)

select
    c.caller,
    c.callee,
    c.n::bigint as n,
    c.ms[1] as p50_ms,
    c.ms[2] as p90_ms,
    c.ms[3] as p99_ms,
    c.exact,
    coalesce(p.n, 0)::bigint as n_before,
    p.ms[1] as p50_before_ms,
    p.ms[2] as p90_before_ms,
    p.ms[3] as p99_before_ms,
    c.ms[2] / nullif(p.ms[2], 0) as p90_ratio,
    data_until() as complete_until
from present as c
left join past as p
    on c.caller = p.caller
    and c.callee = p.callee
order by p90_ratio desc nulls last, c.ms[2] desc, c.caller, c.callee
