-- ---
-- title = "Server errors surge on an edge"
-- question = "Which callee fails its caller far more often than it used to?"
-- severity = "page"
-- about = """
-- Of a caller's requests to a service at least 5 %, and at least 20 of them, end in a server error or without the
-- response that was due; that is three times the share of the edge's own usual hour (the median one of the baseline, so
-- that a bad hour in the past neither hides nor makes a surge). While a finding is open, and for as long after it as the
-- baseline, that is the share that it was opened with, or the fault would become the usual. When one target group of
-- several has most of the errors the finding names it: a bad canary."""
-- runbook = """
-- Run `eastwest why CALLER CALLEE`. Of the findings of one incident take the callee that calls no other failing one:
-- failures travel from callee to caller. A target group named: shift its weight back. Failure reason
-- TargetConnectionError: the target's process, port or security group. No response: timeouts, crashes."""
-- reference = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html"
-- sources = ["lattice_access", "alb_access"]
-- window_minutes = 60
-- history_hours = 24
-- key = ["caller_id", "service"]
-- [params]
-- baseline_since = { type = "timestamptz", about = "start of the baseline" }
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window" }
-- min_errors = { type = "bigint", default = 20, about = "failed requests in the window, at least" }
-- min_share = { type = "double", default = 0.05, about = "failed / all requests, at least" }
-- min_ratio = { type = "double", default = 3.0, about = "times the usual share, at least" }
-- min_past = { type = "bigint", default = 20, about = "requests that make an hour of the baseline count" }
-- [columns]
-- caller_id = { type = "varchar", about = "principal of the caller, else its name" }
-- caller = { type = "varchar", about = "caller's display name" }
-- caller_principal = { type = "varchar", about = "role or user, where there is one" }
-- callee = { type = "varchar", about = "callee's display name" }
-- service = { type = "varchar", about = "id of the service" }
-- target_group = { type = "varchar", about = "target group with 80 % of the errors, where there are several" }
-- observed = { type = "double", about = "failed / all requests in the window, 0 to 1" }
-- expected = { type = "double", about = "the same in the median hour before the fault; NULL when there was none" }
-- errors = { type = "bigint", about = "requests failed in the window" }
-- no_response = { type = "bigint", about = "of those, without a response" }
-- requests = { type = "bigint", about = "requests in the window" }
-- first_at = { type = "timestamp with time zone", about = "first minute of the window with an error" }
-- last_at = { type = "timestamp with time zone", about = "last minute with an error" }
-- failing_since = { type = "timestamp with time zone", about = "first_at when the finding was opened" }
-- title = { type = "varchar", about = "the finding in a sentence" }
-- ---
with past as (
    select
        caller,
        service,
        median(share) as share
    from (
        select
            c.caller,
            c.service,
            sum(c.server_errors + c.no_response) / sum(c.requests) as share
        from edge_calls($baseline_since, $since) as c
        group by c.caller, c.service, c.hour
        having sum(c.requests) >= $min_past
    )
    group by caller, service
),

groups as (
    select
        caller,
        any_value(callee) as callee,
        max(caller_principal) as caller_principal,
        service,
        target_group,
        sum(requests) as requests,
        sum(server_errors + no_response) as errors,
        sum(no_response) as no_response,
        min(minute) filter (server_errors + no_response > 0) as first_at,
        max(minute) filter (server_errors + no_response > 0) as last_at
    from calls
    where minute >= $since
        and minute < $until
    group by caller, service, target_group
),

edges as (
    select
        caller,
        any_value(callee) as callee,
        coalesce(max(caller_principal), (select min(p.principal) from principal_names as p where p.name = groups.caller))
            as caller_principal,
        service,
        case
            when count(distinct target_group) > 1 and max(errors) >= 0.8 * sum(errors)
                then arg_max(target_group, errors)
        end as target_group,
        sum(requests)::bigint as requests,
        sum(errors)::bigint as errors,
        sum(no_response)::bigint as no_response,
        min(first_at) as first_at,
        max(last_at) as last_at
    from groups
    group by caller, service
),

compared as (
    select
        e.*,
        coalesce(e.caller_principal, e.caller) as caller_id,
        -- Of a fault that had nothing to be compared with, what came after it is a measure.
        case when m.goes_on or m.expected_value is not null then m.expected_value else p.share end as share,
        case when m.goes_on then (m.evidence ->> 'failing_since')::timestamptz end as found_first_at
    from edges as e
    left join past as p
        on e.caller = p.caller
        and e.service = p.service
    left join remembered('server_error_surge', $baseline_since, $until) as m
        on coalesce(e.caller_principal, e.caller) || '|' || coalesce(e.service, '') = m.finding_key
)

select
    e.caller_id,
    e.caller,
    e.caller_principal,
    e.callee,
    e.service,
    e.target_group,
    e.errors / e.requests as observed,
    e.share as expected,
    e.errors,
    e.no_response,
    e.requests,
    e.first_at,
    e.last_at,
    coalesce(e.found_first_at, e.first_at) as failing_since,
    e.callee || ' fails ' || e.caller || ' since '
        || strftime(failing_since, if(failing_since < $until - interval 24 hours, '%Y-%m-%d %H:%M', '%H:%M')) || 'Z: '
        || e.errors || ' of ' || e.requests || ' requests (' || round(100 * e.errors / e.requests, 1) || ' %) within '
        || date_diff('minute', $since, $until) || ' minutes, '
        || case when e.share is null then 'nothing to compare with' else 'usually ' || round(100 * e.share, 1) || ' %' end
        || case when e.target_group is not null then ', nearly all in ' || split_part(e.target_group, 'targetgroup/', 2) else '' end
        as title
from compared as e
where e.errors >= $min_errors
    and e.errors >= $min_share * e.requests
    and e.errors / e.requests >= $min_ratio * coalesce(e.share, 0)
order by e.errors desc, e.caller, e.service
