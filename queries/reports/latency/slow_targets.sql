-- ---
-- title = "Targets that differ from their siblings"
-- question = "Which one target of a service is slower, or fails more, than the others?"
-- about = """
-- A target's p90 of target time and its share of failures, against the median of the targets that the same service had in
-- the same ten minutes (a deploy replaces them). Of the p90s of its slots the median by requests, so that a few long requests
-- in one slot make no target slow; it is slow for half of its requests or more. Failures count when they are more than chance:
-- Newcombe's interval of the difference to all siblings' is above 0. Ten minutes in which it had none count in neither. Where
-- fewer than min_requests had siblings, there is nothing to compare with: verdict alone, p90 and failures are of all its
-- requests. A whole target group that differs is a question for canary."""
-- reference = "https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I"
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- min_requests = { type = "bigint", default = 20, about = "leave out targets with fewer requests" }
-- min_ratio = { type = "double", default = 2, about = "p90 against the siblings' from which a target is slow" }
-- min_added_ms = { type = "double", default = 10, about = "and by how much, ms" }
-- min_added_share = { type = "double", default = 0.05, about = "share of failures above the siblings' from which it is failing" }
-- z = { type = "double", default = 2.5758, about = "width of that interval: 2.5758 is 99 %" }
-- [columns]
-- verdict = { type = "varchar", about = "failing, slow, ok or alone" }
-- callee = { type = "varchar", about = "display name of the service" }
-- target = { type = "varchar", about = "address and port" }
-- target_group = { type = "varchar", about = "its target group's ARN" }
-- requests = { type = "bigint", about = "requests that reached it" }
-- share = { type = "double", about = "of the service's requests, 0 to 1" }
-- failed_share = { type = "double", about = "server errors and missing responses / requests beside siblings, 0 to 1" }
-- siblings_failed_share = { type = "double", about = "the siblings' median share per ten minutes, weighted by the target's requests; NULL when alone" }
-- p90_ms = { type = "double", about = "90th percentile of target time per ten minutes, of these the median by requests, ms" }
-- siblings_p90_ms = { type = "double", about = "the same of the siblings' median; NULL when alone, or never timed" }
-- ratio = { type = "double", about = "p90 / siblings' p90; NULL when that is 0 ms" }
-- last_seen = { type = "timestamp with time zone", about = "last request" }
-- vpc = { type = "varchar", about = "VPC of the target" }
-- ---
with reached as (
    select
        r.callee,
        address_and_port(r.target_ip, r.target_port) as target,
        coalesce(r.target_vpc, '') as vpc,
        time_bucket(interval 10 minutes, r.time) as slot,
        max(r.target_group) as target_group,
        count(*) as requests,
        count(*) filter (r.outcome in ('server_error', 'no_response')) as failed,
        round(quantile_cont(whole_us(r.target_ms), 0.9)) as p90_us,
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
        median(b.p90_us) as p90_us,
        sum(b.requests) as requests,
        sum(b.failed) as failed
    from reached as a
    inner join reached as b
        on a.callee = b.callee
        and a.slot = b.slot
        and (a.target, a.vpc) <> (b.target, b.vpc)
    group by all
),

beside as (
    select
        a.*,
        b.slot is not null as has_siblings,
        b.failed_share as siblings_failed_share,
        b.p90_us as siblings_p90_us,
        b.requests as siblings_requests,
        b.failed as siblings_failed,
        coalesce(sum(a.requests) filter (b.slot is not null) over (partition by a.callee, a.target, a.vpc), 0)
            < greatest($min_requests, 1) as is_alone
    from reached as a
    left join siblings_then as b
        on a.callee = b.callee
        and a.target = b.target
        and a.vpc = b.vpc
        and a.slot = b.slot
),

-- The requests of the slots that count: for failures (n) and for the p90 (timed), each the same on both sides.
weighed as (
    select
        *,
        case when is_alone or has_siblings then requests end as n,
        case when p90_us is not null and (is_alone or siblings_p90_us is not null) then requests end as timed
    from beside
),

-- So far in the order of the p90s: the median is where half of the requests are reached.
ranked as (
    select
        *,
        sum(timed) over (partition by callee, target, vpc order by p90_us, slot) as reached,
        sum(timed) over (partition by callee, target, vpc order by siblings_p90_us, slot) as siblings_reached,
        sum(timed) over (partition by callee, target, vpc) as all_timed
    from weighed
),

enough as (
    select
        callee,
        target,
        vpc,
        max(target_group) as target_group,
        sum(requests)::bigint as requests,
        sum(requests) / sum(sum(requests)) over (partition by callee) as share,
        is_alone,
        sum(failed) filter (n > 0) / sum(n) as failed_share,
        min(p90_us) filter (timed > 0 and 2 * reached >= all_timed) as p90_us,
        case when not is_alone then sum(siblings_failed_share * n) / sum(n) end as siblings_failed_share,
        min(siblings_p90_us) filter (not is_alone and timed > 0 and 2 * siblings_reached >= all_timed) as siblings_p90_us,
        failed_more(
            sum(failed) filter (n > 0), sum(n), sum(siblings_failed) filter (n > 0), sum(siblings_requests) filter (n > 0), $z
        ) as is_more_than_chance,
        max(last_seen) as last_seen
    from ranked
    group by callee, target, vpc, is_alone
)

select
    case
        when e.is_alone then 'alone'
        -- 0.15 - 0.1 is a little less than 0.05.
        when round(e.failed_share - e.siblings_failed_share, 9) >= $min_added_share and e.is_more_than_chance then 'failing'
        when e.p90_us >= $min_ratio * e.siblings_p90_us and e.p90_us - e.siblings_p90_us >= 1000 * $min_added_ms then 'slow'
        else 'ok'
    end as verdict,
    e.callee,
    e.target,
    e.target_group,
    e.requests,
    e.share,
    e.failed_share,
    e.siblings_failed_share,
    ms_of(e.p90_us) as p90_ms,
    ms_of(e.siblings_p90_us) as siblings_p90_ms,
    e.p90_us / nullif(e.siblings_p90_us, 0) as ratio,
    e.last_seen,
    nullif(e.vpc, '') as vpc
from enough as e
where e.requests >= $min_requests
order by
    array_position(['failing', 'slow', 'ok', 'alone'], verdict),
    round(e.failed_share - coalesce(e.siblings_failed_share, 0), 9) desc,
    -- Infinitely slower than 0 ms comes first.
    e.p90_us > 0 and e.siblings_p90_us = 0 desc,
    ratio desc nulls last,
    e.callee,
    e.target,
    e.vpc
