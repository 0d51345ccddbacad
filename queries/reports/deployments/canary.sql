-- ---
-- title = "Canary against the rest"
-- question = "Is one target group of a service worse than its others: in errors, in latency, and is that more than chance?"
-- about = """
-- Every target group against the others of its service and front door, over the ten-minute slots in which both answered, so that a bad hour
-- of the service is nobody's fault. Errors: the difference of shares with Newcombe's interval (Wilson's for each share).
-- Latency: ratio of geometric means of target time, with the interval of the difference of the logarithms' means. worse or
-- better needs the whole interval on one side; mixed is worse in one and better in the other; no_evidence also says too few
-- requests."""
-- reference = "https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I"
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- only_callee = { type = "varchar", about = "display name of a service; all when NULL" }
-- z = { type = "double", default = 2.5758, about = "width of the intervals: 2.5758 is 99 %" }
-- min_ratio = { type = "double", default = 1.05, about = "latency ratio that the interval has to clear" }
-- [columns]
-- verdict = { type = "varchar", about = "worse, mixed, no_evidence or better" }
-- callee = { type = "varchar", about = "display name of the service" }
-- target_group = { type = "varchar", about = "the target group that is judged" }
-- share = { type = "double", about = "of the requests of these slots, 0 to 1" }
-- requests = { type = "bigint", about = "its requests" }
-- requests_rest = { type = "bigint", about = "requests of the others" }
-- failed_share = { type = "double", about = "server errors and missing responses / requests" }
-- failed_share_rest = { type = "double", about = "the same of the others" }
-- failed_difference = { type = "double", about = "the difference" }
-- failed_low = { type = "double", about = "lower end of its interval" }
-- failed_high = { type = "double", about = "upper end" }
-- latency_ratio = { type = "double", about = "geometric mean of target time / the others'" }
-- latency_low = { type = "double", about = "lower end of its interval; NULL with fewer than two timed requests" }
-- latency_high = { type = "double", about = "upper end" }
-- because = { type = "varchar", about = "errors, latency or both (of mixed: one against the other); NULL without evidence" }
-- first_seen = { type = "timestamp with time zone", about = "first of its requests" }
-- last_seen = { type = "timestamp with time zone", about = "last of its requests" }
-- ---
with answered as (
    select
        r.callee,
        r.service,
        r.target_group,
        time_bucket(interval 10 minutes, r.time) as slot,
        r.time,
        r.outcome in ('server_error', 'no_response') as failed,
        -- A failed answer's time says nothing of the work.
        case when r.outcome = 'ok' then ln(greatest(r.target_ms, 0.5)) end as log_ms
    from edge_requests as r
    where r.time >= $since
        and r.time < $until
        and r.target_group is not null
        and r.outcome <> 'denied'
        and ($only_callee is null or r.callee = $only_callee)
),

slots as (
    select
        callee,
        service,
        target_group,
        slot,
        count(*) as n,
        count(*) filter (failed) as failed,
        count(log_ms) as timed,
        coalesce(sum(log_ms), 0) as logs,
        coalesce(sum(log_ms * log_ms), 0) as squares,
        min(time) as first_seen,
        max(time) as last_seen
    from answered
    group by all
),

-- Of both sides, slots in which the other answered too.
paired as (
    select
        a.callee,
        a.service,
        a.target_group,
        a.slot,
        any_value(a.n) as n1,
        any_value(a.failed) as f1,
        any_value(a.timed) as t1,
        any_value(a.logs) as s1,
        any_value(a.squares) as q1,
        any_value(a.first_seen) as first_seen,
        any_value(a.last_seen) as last_seen,
        sum(b.n) as n2,
        sum(b.failed) as f2,
        sum(b.timed) as t2,
        sum(b.logs) as s2,
        sum(b.squares) as q2
    from slots as a
    inner join slots as b
        on a.service = b.service
        and a.slot = b.slot
        and a.target_group <> b.target_group
    group by a.callee, a.service, a.target_group, a.slot
),

sums as (
    select
        callee,
        target_group,
        sum(n1) as n1,
        sum(n2) as n2,
        sum(f1) / sum(n1) as p1,
        sum(f2) / sum(n2) as p2,
        sum(s1) / nullif(sum(t1), 0) as m1,
        sum(s2) / nullif(sum(t2), 0) as m2,
        greatest(sum(q1) - sum(s1) * sum(s1) / nullif(sum(t1), 0), 0) / nullif(sum(t1) - 1, 0) / nullif(sum(t1), 0) as v1,
        greatest(sum(q2) - sum(s2) * sum(s2) / nullif(sum(t2), 0), 0) / nullif(sum(t2) - 1, 0) / nullif(sum(t2), 0) as v2,
        min(first_seen) as first_seen,
        max(last_seen) as last_seen
    from paired
    group by callee, service, target_group
),

wilson as (
    select
        s.*,
        (p1 + $z * $z / (2 * n1) - $z * sqrt((p1 * (1 - p1) + $z * $z / (4 * n1)) / n1)) / (1 + $z * $z / n1) as l1,
        (p1 + $z * $z / (2 * n1) + $z * sqrt((p1 * (1 - p1) + $z * $z / (4 * n1)) / n1)) / (1 + $z * $z / n1) as u1,
        (p2 + $z * $z / (2 * n2) - $z * sqrt((p2 * (1 - p2) + $z * $z / (4 * n2)) / n2)) / (1 + $z * $z / n2) as l2,
        (p2 + $z * $z / (2 * n2) + $z * sqrt((p2 * (1 - p2) + $z * $z / (4 * n2)) / n2)) / (1 + $z * $z / n2) as u2
    from sums as s
),

intervals as (
    select
        w.*,
        p1 - p2 - sqrt((p1 - l1) * (p1 - l1) + (u2 - p2) * (u2 - p2)) as failed_low,
        p1 - p2 + sqrt((u1 - p1) * (u1 - p1) + (p2 - l2) * (p2 - l2)) as failed_high,
        exp(m1 - m2) as ratio,
        exp(m1 - m2 - $z * sqrt(v1 + v2)) as ratio_low,
        exp(m1 - m2 + $z * sqrt(v1 + v2)) as ratio_high
    from wilson as w
),

judged as (
    select
        i.*,
        i.failed_low > 0 as more_errors,
        i.failed_high < 0 as fewer_errors,
        coalesce(i.ratio_low > $min_ratio, false) as slower,
        coalesce(i.ratio_high < 1 / $min_ratio, false) as faster
    from intervals as i
)

select
    case
        when (j.more_errors and j.faster) or (j.fewer_errors and j.slower) then 'mixed'
        when j.more_errors or j.slower then 'worse'
        when j.fewer_errors or j.faster then 'better'
        else 'no_evidence'
    end as verdict,
    j.callee,
    j.target_group,
    j.n1 / (j.n1 + j.n2) as share,
    j.n1::bigint as requests,
    j.n2::bigint as requests_rest,
    j.p1 as failed_share,
    j.p2 as failed_share_rest,
    j.p1 - j.p2 as failed_difference,
    j.failed_low,
    j.failed_high,
    j.ratio as latency_ratio,
    j.ratio_low as latency_low,
    j.ratio_high as latency_high,
    case
        when (j.more_errors or j.fewer_errors) and (j.slower or j.faster) then 'both'
        when j.more_errors or j.fewer_errors then 'errors'
        when j.slower or j.faster then 'latency'
    end as because,
    j.first_seen,
    j.last_seen
from judged as j
order by
    array_position(['worse', 'mixed', 'no_evidence', 'better'], verdict),
    j.p1 - j.p2 desc,
    j.callee,
    j.target_group
