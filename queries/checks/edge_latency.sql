-- ---
-- title = "An edge is slower than its own past"
-- question = "Which calls take much longer than the same calls did in the hours before?"
-- severity = "ticket"
-- about = """
-- The slowest twentieth (p95) of a caller's requests to a service takes at least twice as long as in the edge's own
-- median hour before, and at least 50 ms longer. The window is read exactly, the past from logarithmic buckets (within
-- 5 %); of that, hours count in which few requests were refused, as refusals are answered at once. An open finding is held
-- against what it was compared with when it was opened, or the slow hours would become the usual. The finding says which
-- part grew most: the front door, the target, or the response."""
-- runbook = """
-- Run `eastwest why CALLER CALLEE`. Of the findings of one incident take the callee that calls no other slow one:
-- waiting travels from callee to caller. target: the callee or what it waits for. front_door: queueing before the target
-- was asked, too few targets. response: large responses or a slow reader."""
-- reference = "https://docs.aws.amazon.com/vpc-lattice/latest/ug/monitoring-access-logs.html"
-- sources = ["lattice_access", "alb_access"]
-- window_minutes = 30
-- history_hours = 24
-- key = ["caller_id", "service"]
-- [params]
-- baseline_since = { type = "timestamptz", about = "start of the baseline" }
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window" }
-- min_requests = { type = "bigint", default = 50, about = "requests in the window, and in an hour that counts, at least" }
-- min_ratio = { type = "double", default = 2.0, about = "p95 now / p95 before, at least" }
-- min_added_ms = { type = "double", default = 50.0, about = "p95 now - p95 before in ms, at least" }
-- max_refused = { type = "double", default = 0.1, about = "share of refusals in an hour that counts, at most" }
-- [columns]
-- caller_id = { type = "varchar", about = "principal of the caller, else its name" }
-- caller = { type = "varchar", about = "caller's display name" }
-- caller_principal = { type = "varchar", about = "role or user, where there is one" }
-- callee = { type = "varchar", about = "callee's display name" }
-- service = { type = "varchar", about = "id of the service" }
-- observed = { type = "double", about = "p95 in the window, ms" }
-- expected = { type = "double", about = "p95 of the median hour before, ms" }
-- ratio = { type = "double", about = "observed / expected" }
-- part = { type = "varchar", about = "front_door, target or response: what grew most; NULL when the log cannot tell" }
-- requests = { type = "bigint", about = "requests in the window" }
-- past_hours = { type = "bigint", about = "hours of the baseline" }
-- title = { type = "varchar", about = "the finding in a sentence" }
-- ---
with hours as (
    select
        h.hour,
        coalesce(m.caller, n.caller, h.caller_key, 'unknown') as caller,
        coalesce(s.service, h.service) as service,
        h.part,
        h.bucket,
        sum(h.requests) as requests
    from latency_counts as h
    left join callee_names as s
        on h.service is not distinct from s.logged
        and h.target_group is not distinct from s.target_group
    left join caller_names as n
        on h.service is not distinct from n.service
        and h.caller_key = n.caller_key
    left join moving_callers as m
        on h.service is not distinct from m.service
        and case when n.moves then h.caller_key end = m.caller_key
        and h.hour = m.hour
    where h.hour >= $baseline_since
        and h.hour + interval 1 hour <= $since
    group by all
    having sum(h.requests) > 0
),

-- The rollup of durations holds refusals too, which are answered at once: hours of many are no measure.
refused as (
    select
        caller,
        service,
        hour
    from edge_calls($baseline_since, $since)
    group by caller, service, hour
    having sum(denied) > $max_refused * sum(requests)
),

past as (
    select
        caller,
        service,
        part,
        median(p95) as p95,
        count(*) as past_hours
    from (
        select
            caller,
            service,
            part,
            hour,
            bucket_quantile(bucket, requests, 0.95) as p95
        from hours
        anti join refused as r
            using (caller, service, hour)
        group by caller, service, part, hour
        having sum(requests) >= $min_requests
    )
    group by caller, service, part
),

window_parts as (
    select
        caller,
        any_value(callee) as callee,
        max(caller_principal) as caller_principal,
        service,
        part,
        count(ms) as requests,
        quantile_cont(ms, 0.95) as p95
    from (
        select
            caller,
            callee,
            caller_principal,
            service,
            unnest(['total', 'front_door', 'target', 'response']) as part,
            unnest([latency_ms, front_door_ms, target_ms, response_ms]) as ms
        from edge_requests
        where time >= $since
            and time < $until
            and kind in ('http', 'grpc')
            and outcome <> 'denied'
    )
    where ms is not null
    group by caller, service, part
),

grown as (
    select
        n.*,
        p.p95 as past_p95,
        p.past_hours
    from window_parts as n
    left join past as p
        on n.caller = p.caller
        and n.service = p.service
        and n.part = p.part
),

edges as (
    select
        caller,
        service,
        any_value(callee) as callee,
        coalesce(max(caller_principal), (select min(p.principal) from principal_names as p where p.name = grown.caller))
            as caller_principal,
        max(p95) filter (part = 'total') as observed,
        max(past_p95) filter (part = 'total') as expected,
        max(requests) filter (part = 'total') as requests,
        max(past_hours) filter (part = 'total') as past_hours,
        arg_max(part, (p95 - past_p95, part)) filter (part <> 'total' and p95 > past_p95) as part
    from grown
    group by caller, service
),

compared as (
    select
        e.caller,
        e.service,
        e.callee,
        e.caller_principal,
        coalesce(e.caller_principal, e.caller) as caller_id,
        e.observed,
        coalesce(m.expected_value, e.expected) as expected,
        e.requests,
        coalesce(e.past_hours, 0) as past_hours,
        coalesce(case when m.goes_on then m.evidence ->> 'part' end, e.part) as part
    from edges as e
    left join remembered('edge_latency', $baseline_since, $until) as m
        on coalesce(e.caller_principal, e.caller) || '|' || coalesce(e.service, '') = m.finding_key
)

select
    caller_id,
    caller,
    caller_principal,
    callee,
    service,
    observed,
    expected,
    observed / nullif(expected, 0) as ratio,
    part,
    requests,
    past_hours,
    caller || ' waits for ' || callee || ': p95 ' || round(observed)::bigint || ' ms, usually '
        || round(expected)::bigint || ' ms, over ' || requests || ' requests'
        || coalesce('; most of it in the ' || replace(part, '_', ' '), '') as title
from compared
where requests >= $min_requests
    and observed >= $min_ratio * expected
    and observed - expected >= $min_added_ms
order by observed - expected desc, caller, service
