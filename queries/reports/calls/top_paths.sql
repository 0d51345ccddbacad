-- ---
-- title = "Paths asked for most"
-- question = "Which paths of which service are asked for, by how many callers, and how do they do?"
-- about = """
-- Numbers, UUIDs and long hexadecimal parts of a path are shown as *, so that one route is one row."""
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- only_callee = { type = "varchar", about = "display name of a callee; all when NULL" }
-- at_most = { type = "bigint", default = 50, about = "number of rows" }
-- [columns]
-- callee = { type = "varchar", about = "display name of the callee's node" }
-- method = { type = "varchar", about = "HTTP method" }
-- path = { type = "varchar", about = "path with * for its ids, without the query" }
-- requests = { type = "bigint", about = "requests in the window" }
-- share = { type = "double", about = "of the callee's requests that have a path, 0 to 1" }
-- callers = { type = "bigint", about = "callers" }
-- error_share = { type = "double", about = "server errors and missing responses / requests, 0 to 1" }
-- denied_share = { type = "double", about = "refused / requests, 0 to 1" }
-- p50_ms = { type = "double", about = "median latency, ms" }
-- p99_ms = { type = "double", about = "99th percentile of latency, ms" }
-- most_caller = { type = "varchar", about = "the caller with most requests" }
-- ---
with asked as (
    select
        r.callee,
        r.caller,
        r.method,
        regexp_replace(
            regexp_replace(r.path, '/([0-9]+|[0-9a-fA-F]{12,}|[0-9a-fA-F-]{32,})(/|$)', '/*\2', 'g'),
            '/([0-9]+|[0-9a-fA-F]{12,}|[0-9a-fA-F-]{32,})(/|$)', '/*\2', 'g'
        ) as path,
        r.outcome,
        r.latency_ms
    from edge_requests as r
    where r.time >= $since
        and r.time < $until
        and r.path is not null
        and ($only_callee is null or r.callee = $only_callee)
),

by_caller as (
    select
        callee,
        method,
        path,
        caller,
        count(*) as requests
    from asked
    group by all
),

favourites as (
    select
        callee,
        method,
        path,
        arg_min(caller, (-requests, caller)) as caller
    from by_caller
    group by all
),

paths as (
    select
        callee,
        method,
        path,
        count(*) as requests,
        count(distinct caller) as callers,
        count(*) filter (outcome in ('server_error', 'no_response')) as failed,
        count(*) filter (outcome = 'denied') as denied,
        quantile_cont(latency_ms, [0.5, 0.99]) as ms
    from asked
    group by all
)

select
    p.callee,
    p.method,
    p.path,
    p.requests,
    p.requests / sum(p.requests) over (partition by p.callee) as share,
    p.callers,
    p.failed / p.requests as error_share,
    p.denied / p.requests as denied_share,
    p.ms[1] as p50_ms,
    p.ms[2] as p99_ms,
    f.caller as most_caller
from paths as p
left join favourites as f
    on p.callee = f.callee
    and p.method is not distinct from f.method
    and p.path = f.path
order by p.requests desc, p.callee, p.method, p.path
limit $at_most
