-- ---
-- title = "Calls over time"
-- question = "How did each edge's calls, failures and refusals go, step by step?"
-- about = """
-- Every step of the window has a row for every edge, with 0 where nothing was called; complete says whether the step's data
-- is all there, so that a quiet source is not taken for a quiet caller."""
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- only_caller = { type = "varchar", about = "display name of a caller; all when NULL" }
-- only_callee = { type = "varchar", about = "display name of a callee; all when NULL" }
-- step_minutes = { type = "bigint", default = 5, about = "length of a step" }
-- at_most = { type = "bigint", default = 20, about = "number of edges, those with most requests" }
-- [columns]
-- caller = { type = "varchar", about = "display name of the caller's node" }
-- callee = { type = "varchar", about = "display name of the callee's node" }
-- step = { type = "timestamp with time zone", about = "start of the step" }
-- requests = { type = "bigint", about = "requests" }
-- ok = { type = "bigint", about = "answered below 400" }
-- client_errors = { type = "bigint", about = "answered 400 to 499, or left by the caller amid the response" }
-- denied = { type = "bigint", about = "refused before the application" }
-- server_errors = { type = "bigint", about = "answered 500 and above" }
-- no_response = { type = "bigint", about = "a response was due and none came" }
-- error_share = { type = "double", about = "server errors and missing responses / requests, 0 to 1; NULL without requests" }
-- denied_share = { type = "double", about = "denied / requests, 0 to 1; NULL without requests" }
-- bytes_in = { type = "bigint", about = "bytes received from the caller" }
-- bytes_out = { type = "bigint", about = "bytes sent to the caller" }
-- complete = { type = "boolean", about = "whether every source is complete until the step's end" }
-- ---
with chosen as (
    select
        c.caller,
        c.callee
    from calls as c
    where c.minute >= $since
        and c.minute < $until
        and ($only_caller is null or c.caller = $only_caller)
        and ($only_callee is null or c.callee = $only_callee)
    group by c.caller, c.callee
    order by sum(c.requests) desc, c.caller, c.callee
    limit $at_most
),

steps as (
    select unnest(
        generate_series(
            time_bucket(to_minutes($step_minutes), $since, timestamptz '2000-01-01 00:00:00+00'),
            $until - interval 1 microsecond,
            to_minutes($step_minutes)
        )
    ) as step
),

counted as (
    select
        c.caller,
        c.callee,
        time_bucket(to_minutes($step_minutes), c.minute, timestamptz '2000-01-01 00:00:00+00') as step,
        sum(c.requests) as requests,
        sum(c.ok) as ok,
        sum(c.client_errors) as client_errors,
        sum(c.denied) as denied,
        sum(c.server_errors) as server_errors,
        sum(c.no_response) as no_response,
        sum(c.bytes_in) as bytes_in,
        sum(c.bytes_out) as bytes_out
    from calls as c
    where c.minute >= $since
        and c.minute < $until
    group by all
)

select
    e.caller,
    e.callee,
    t.step,
    coalesce(n.requests, 0)::bigint as requests,
    coalesce(n.ok, 0)::bigint as ok,
    coalesce(n.client_errors, 0)::bigint as client_errors,
    coalesce(n.denied, 0)::bigint as denied,
    coalesce(n.server_errors, 0)::bigint as server_errors,
    coalesce(n.no_response, 0)::bigint as no_response,
    (n.server_errors + n.no_response) / nullif(n.requests, 0) as error_share,
    n.denied / nullif(n.requests, 0) as denied_share,
    coalesce(n.bytes_in, 0)::bigint as bytes_in,
    coalesce(n.bytes_out, 0)::bigint as bytes_out,
    coalesce(t.step + to_minutes($step_minutes) <= data_until(), false) as complete
from chosen as e
cross join steps as t
left join counted as n
    on e.caller = n.caller
    and e.callee = n.callee
    and t.step = n.step
order by e.caller, e.callee, t.step
