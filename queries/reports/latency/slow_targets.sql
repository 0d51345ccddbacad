-- ---
-- title = "Targets that differ from their siblings"
-- question = "Which one target of a service is slower, or fails more, than the others?"
-- about = """
-- A target's p90 of target time and its share of failures, against the median of the targets that the same service had in
-- the same ten minutes (a deploy replaces them), weighted by the target's requests. Without any there is nothing to compare
-- with: verdict alone. A whole target group that differs is a question for canary."""
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- min_requests = { type = "bigint", default = 20, about = "leave out targets with fewer requests" }
-- min_ratio = { type = "double", default = 2, about = "p90 against the siblings' from which a target is slow" }
-- min_added_ms = { type = "double", default = 10, about = "and by how much, ms" }
-- min_added_share = { type = "double", default = 0.05, about = "share of failures above the siblings' from which it is failing" }
-- [columns]
-- verdict = { type = "varchar", about = "failing, slow, ok or alone" }
-- callee = { type = "varchar", about = "display name of the service" }
-- target = { type = "varchar", about = "address and port" }
-- target_group = { type = "varchar", about = "its target group's ARN" }
-- requests = { type = "bigint", about = "requests that reached it" }
-- share = { type = "double", about = "of the service's requests, 0 to 1" }
-- failed_share = { type = "double", about = "server errors and missing responses / requests, 0 to 1" }
-- siblings_failed_share = { type = "double", about = "the siblings' median share; NULL without any" }
-- p90_ms = { type = "double", about = "90th percentile of target time per ten minutes, their weighted mean, ms" }
-- siblings_p90_ms = { type = "double", about = "the same of the siblings' median" }
-- ratio = { type = "double", about = "p90 / siblings' p90" }
-- last_seen = { type = "timestamp with time zone", about = "last request" }
-- vpc = { type = "varchar", about = "VPC of the target" }
-- ---
with reached as (
    select
        r.callee,
        r.target_ip || ':' || r.target_port as target,
        coalesce(r.target_vpc, '') as vpc,
        time_bucket(interval 10 minutes, r.time) as slot,
        max(r.target_group) as target_group,
        count(*) as requests,
        count(*) filter (r.outcome in ('server_error', 'no_response')) as failed,
        quantile_cont(r.target_ms, 0.9) as p90_ms,
        max(r.time) as last_seen
    from requests as r
    where r.time >= $since
        and r.time < $until
        and r.target_ip is not null
        and r.outcome <> 'denied'
        and not (r.front_door = 'lattice' and r.service in (select t.service from seen_through as t))
    group by all
),

siblings_then as (
    select
        a.callee,
        a.target,
        a.vpc,
        a.slot,
        median(b.failed / b.requests) as failed_share,
        median(b.p90_ms) as p90_ms
    from reached as a
    inner join reached as b
        on a.callee = b.callee
        and a.slot = b.slot
        and (a.target, a.vpc) <> (b.target, b.vpc)
    group by all
),

enough as (
    select
        a.callee,
        a.target,
        a.vpc,
        max(a.target_group) as target_group,
        sum(a.requests)::bigint as requests,
        sum(a.requests) / sum(sum(a.requests)) over (partition by a.callee) as share,
        sum(a.failed) / sum(a.requests) as failed_share,
        sum(a.p90_ms * a.requests) / nullif(sum(a.requests) filter (a.p90_ms is not null), 0) as p90_ms,
        sum(b.failed_share * a.requests) / nullif(sum(a.requests) filter (b.failed_share is not null), 0)
            as siblings_failed_share,
        sum(b.p90_ms * a.requests) / nullif(sum(a.requests) filter (b.p90_ms is not null), 0) as siblings_p90_ms,
        count(b.slot) as slots,
        max(a.last_seen) as last_seen
    from reached as a
    left join siblings_then as b
        on a.callee = b.callee
        and a.target = b.target
        and a.vpc = b.vpc
        and a.slot = b.slot
    group by a.callee, a.target, a.vpc
)

select
    case
        when e.slots = 0 then 'alone'
        when e.failed_share >= e.siblings_failed_share + $min_added_share then 'failing'
        when e.p90_ms >= $min_ratio * e.siblings_p90_ms and e.p90_ms - e.siblings_p90_ms >= $min_added_ms then 'slow'
        else 'ok'
    end as verdict,
    e.callee,
    e.target,
    e.target_group,
    e.requests,
    e.share,
    e.failed_share,
    e.siblings_failed_share,
    e.p90_ms,
    e.siblings_p90_ms,
    e.p90_ms / nullif(e.siblings_p90_ms, 0) as ratio,
    e.last_seen,
    nullif(e.vpc, '') as vpc
from enough as e
where e.requests >= $min_requests
order by
    array_position(['failing', 'slow', 'ok', 'alone'], verdict),
    e.failed_share - coalesce(e.siblings_failed_share, 0) desc,
    ratio desc nulls last,
    e.callee,
    e.target,
    e.vpc
