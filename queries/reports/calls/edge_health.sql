-- ---
-- title = "Health of every edge, worst first"
-- question = "Which calls are wrong, since when, by how much, and which layer says no?"
-- about = """
-- One row per caller and callee, those included whose every attempt was refused before a request existed (packets, TLS).
-- A state needs a share and a count: one failure in a quiet hour is none. began and ended are those of the run of refusals
-- or failures that holds most of them; runs are more than 15 minutes apart. Latency is exact in windows of up to
-- exact_minutes; in longer ones it comes from the hourly rollup: within 5 %, whole hours, http and gRPC alone."""
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- degraded_errors = { type = "double", default = 0.001, about = "share of server errors and missing responses from which an edge is degraded" }
-- failing_errors = { type = "double", default = 0.1, about = "the same share from which it is failing" }
-- degraded_client_errors = { type = "double", default = 0.1, about = "share of client errors from which an edge is degraded" }
-- failing_client_errors = { type = "double", default = 0.2, about = "the same share from which it is failing" }
-- denied_from = { type = "double", default = 0.01, about = "share of denied attempts from which an edge is denied" }
-- exact_minutes = { type = "bigint", default = 360, about = "longest window whose quantiles come from the requests; longer ones come from the hourly rollup, whole hours, within 5 %" }
-- min_wrong = { type = "bigint", default = 5, about = "failures, refusals or rejects below which an edge is ok" }
-- [columns]
-- caller = { type = "varchar", about = "caller's display name" }
-- callee = { type = "varchar", about = "callee's display name" }
-- caller_kind = { type = "varchar", about = "service, role, user, principal, certificate, address or internet" }
-- callee_kind = { type = "varchar", about = "the same of the callee" }
-- state = { type = "varchar", about = "failing, denied, reject, degraded or ok" }
-- wrong = { type = "bigint", about = "what the state counts: failures, refusals or rejects" }
-- share = { type = "double", about = "wrong / attempts, 0 to 1; NULL for packets" }
-- began = { type = "timestamp with time zone", about = "begin of the run that holds most of them" }
-- ended = { type = "timestamp with time zone", about = "last refusal or failure of it; less than 15 minutes before the window's end, it may go on" }
-- layer = { type = "varchar", about = "layer that refused most, as in denials" }
-- reason = { type = "varchar", about = "what the log gives as that layer's reason" }
-- requests = { type = "bigint", about = "requests in the window" }
-- denied = { type = "bigint", about = "refused by a policy, rule or handshake" }
-- rejected = { type = "bigint", about = "flow records with REJECT" }
-- server_errors = { type = "bigint", about = "requests that ended in a server error" }
-- no_response = { type = "bigint", about = "requests without the response that was due" }
-- client_errors = { type = "bigint", about = "other 4xx answers, and responses that the caller left" }
-- p50_ms = { type = "double", about = "median latency, ms; see exact_minutes" }
-- p99_ms = { type = "double", about = "99th percentile of latency, ms; see exact_minutes" }
-- last_call = { type = "timestamp with time zone", about = "last minute with a request" }
-- all_requests = { type = "bigint", about = "requests of all edges in the window" }
-- ---
with latency as (
    select
        caller,
        callee,
        list_transform(quantile_cont(latency_us, [0.5, 0.99]), lambda us: ms_of(us)) as ms
    from timed_requests
    where time >= $since
        and time < $until
        and $until - $since <= to_minutes($exact_minutes)
    group by caller, callee
    union all
    select
        caller,
        callee,
        [p50(bucket, requests), p99(bucket, requests)] as ms
    from edge_latencies(hour_of($since), $until)
    where $until - $since > to_minutes($exact_minutes)
    group by caller, callee
),

refused as (
    select
        caller,
        callee,
        layer,
        reason,
        time,
        count
    from denials
    where time >= $since
        and time < $until
        and layer <> 'application'
),

layers as (
    select
        caller,
        callee,
        layer,
        arg_max(reason, (time, reason)) as reason,
        sum(count) as refusals
    from refused
    group by caller, callee, layer
),

refusals as (
    select
        caller,
        callee,
        arg_max(layer, (refusals, layer)) as layer,
        arg_max(reason, (refusals, layer)) as reason,
        coalesce(sum(refusals) filter (layer <> 'packet'), 0) as denied,
        coalesce(sum(refusals) filter (layer = 'tls'), 0) as handshakes,
        coalesce(sum(refusals) filter (layer = 'packet'), 0) as rejected
    from layers
    group by caller, callee
),

counted as (
    select
        coalesce(e.caller, f.caller) as caller,
        coalesce(e.callee, f.callee) as callee,
        coalesce(e.requests, 0) as requests,
        coalesce(f.denied, 0) as denied,
        coalesce(f.rejected, 0) as rejected,
        coalesce(e.server_errors, 0) as server_errors,
        coalesce(e.no_response, 0) as no_response,
        coalesce(e.client_errors, 0) as client_errors,
        coalesce(e.requests, 0) + coalesce(f.handshakes, 0) as attempts,
        f.layer,
        f.reason,
        e.last_minute as last_call
    from edges($since, $until) as e
    full outer join refusals as f
        on e.caller = f.caller
        and e.callee = f.callee
),

judged as (
    select
        *,
        server_errors + no_response as failed,
        case
            when failed >= $min_wrong and failed >= $failing_errors * requests and failed > denied then 'failing'
            when denied >= $min_wrong and denied >= $denied_from * attempts then 'denied'
            when client_errors >= $min_wrong and client_errors >= $failing_client_errors * requests then 'failing'
            when rejected >= $min_wrong then 'reject'
            when failed >= $min_wrong and failed >= $degraded_errors * requests then 'degraded'
            when client_errors >= $min_wrong and client_errors >= $degraded_client_errors * requests then 'degraded'
            else 'ok'
        end as state,
        case
            when state = 'denied' then denied
            when state = 'reject' then rejected
            when state = 'ok' or (
                failed >= $min_wrong and failed >= case when state = 'failing' then $failing_errors else $degraded_errors end * requests
            ) then failed
            else client_errors
        end as wrong
    from counted
),

-- What the state of an edge counts; the others need no runs.
asked as (
    select
        j.caller,
        j.callee,
        case
            when j.state = 'denied' then 'denied'
            when j.state = 'reject' then 'rejected'
            when j.wrong = j.failed then 'failed'
            else 'client_errors'
        end as what
    from judged as j
    where j.state <> 'ok'
),

-- By the quarter of an hour: in one there is no pause that would end a run.
events as (
    select
        e.caller,
        e.callee,
        e.what,
        min(e.time) as first_at,
        max(e.time) as last_at,
        sum(e.count) as count
    from (
        select
            caller,
            callee,
            case when outcome = 'client_error' then 'client_errors' else 'failed' end as what,
            minute as time,
            requests as count
        from failed_minutes
        where minute >= $since
            and minute < $until
        union all
        select
            caller,
            callee,
            case when layer = 'packet' then 'rejected' else 'denied' end,
            time,
            count
        from refused
    ) as e
    semi join asked as a
        on e.caller = a.caller
        and e.callee = a.callee
        and e.what = a.what
    group by e.caller, e.callee, e.what, epoch_us(e.time) // 900_000_000
),

runs as (
    select
        caller,
        callee,
        what,
        min(first_at) as began,
        max(last_at) as ended,
        sum(count) as held
    from (
        select
            *,
            sum(starts::integer) over (partition by caller, callee, what order by first_at) as run
        from (
            select
                *,
                coalesce(
                    first_at > lag(last_at) over (partition by caller, callee, what order by first_at) + interval 15 minutes,
                    true
                ) as starts
            from events
        )
    )
    group by caller, callee, what, run
),

worst_runs as (
    select
        caller,
        callee,
        what,
        arg_max(began, (held, began)) as began,
        arg_max(ended, (held, began)) as ended
    from runs
    group by caller, callee, what
)

select
    j.caller,
    j.callee,
    coalesce(a.kind, case when j.caller = 'internet' then 'internet' else 'address' end) as caller_kind,
    coalesce(b.kind, case when j.callee = 'internet' then 'internet' else 'address' end) as callee_kind,
    j.state,
    j.wrong::bigint as wrong,
    case when j.state <> 'reject' and j.attempts > 0 then j.wrong / j.attempts end as share,
    r.began,
    r.ended,
    j.layer,
    j.reason,
    j.requests::bigint as requests,
    j.denied::bigint as denied,
    j.rejected::bigint as rejected,
    j.server_errors::bigint as server_errors,
    j.no_response::bigint as no_response,
    j.client_errors::bigint as client_errors,
    l.ms[1] as p50_ms,
    l.ms[2] as p99_ms,
    j.last_call,
    (select sum(a.requests) from judged as a)::bigint as all_requests
from judged as j
left join nodes as a
    on j.caller = a.name
left join nodes as b
    on j.callee = b.name
left join latency as l
    on j.caller = l.caller
    and j.callee = l.callee
left join worst_runs as r
    on j.caller = r.caller
    and j.callee = r.callee
order by
    case j.state when 'ok' then 3 when 'degraded' then 2 when 'reject' then 1 else 0 end,
    j.wrong desc,
    j.requests desc,
    j.caller,
    j.callee
