-- ---
-- title = "Suspects"
-- question = "Which edge explains that a service fails or is slow in this window?"
-- about = """
-- Every edge downstream of the service (all edges without one), compared with the window before. Its excess: failures and
-- refusals above the share it had, and slow answers above the p99 it had. From that is taken what the callee's own downstream
-- edges explain, in failures and in added milliseconds. The rest, own_excess, is weighted by who got worse first. verdict
-- suspect: most of the excess is its own; passed_on: most of it comes from further down; unclear: the callee's own calls are
-- not told in the logs (its role and its service are kept apart, or it never calls), so further down cannot be looked at and
-- the callee is the last that can be named. No row: nothing got worse."""
-- [params]
-- since = { type = "timestamptz", about = "start of the failing window" }
-- until = { type = "timestamptz", about = "its end, exclusive" }
-- only_service = { type = "varchar", about = "display name of the failing service; every edge when NULL" }
-- before_minutes = { type = "bigint", default = 60, about = "minutes before the window to compare with" }
-- min_excess = { type = "double", default = 5, about = "requests in excess below which an edge is no suspect" }
-- [columns]
-- rank = { type = "bigint", about = "1: explains most" }
-- verdict = { type = "varchar", about = "suspect, passed_on or unclear" }
-- caller = { type = "varchar", about = "display name of the caller's node" }
-- callee = { type = "varchar", about = "display name of the callee's node" }
-- kind = { type = "varchar", about = "denied, failing or slow: what most of the excess is" }
-- score = { type = "double", about = "own excess as a share of all edges' own excess, later ones weighing less, 0 to 1" }
-- excess = { type = "double", about = "failed, refused and slow requests above what was usual" }
-- own_excess = { type = "double", about = "of these, not explained by the callee's own downstream" }
-- requests = { type = "bigint", about = "requests in the window" }
-- failed_share = { type = "double", about = "failed or refused / requests now" }
-- failed_share_before = { type = "double", about = "the same before" }
-- mean_ms = { type = "double", about = "mean latency now, ms" }
-- mean_before_ms = { type = "double", about = "the same before" }
-- worse_from = { type = "timestamp with time zone", about = "first minute with more bad requests than usual" }
-- downstream = { type = "bigint", about = "edges that the callee calls over, as far as the logs tell" }
-- ---
with recursive below as (
    select distinct
        c.caller,
        c.callee,
        1 as depth
    from calls as c
    where c.minute >= $since - to_minutes($before_minutes)
        and c.minute < $until
        and (c.caller = $only_service or $only_service is null)
    union
    select
        c.caller,
        c.callee,
        b.depth + 1
    from below as b
    inner join (
        select distinct
            x.caller,
            x.callee
        from calls as x
        where x.minute >= $since - to_minutes($before_minutes)
            and x.minute < $until
    ) as c
        on b.callee = c.caller
    where b.depth < 6
        and $only_service is not null
),

edges_below as (
    select distinct
        caller,
        callee
    from below
),

asked as (
    select
        r.caller,
        r.callee,
        minute_of(r.time) as minute,
        r.time >= $since as is_now,
        r.latency_ms,
        r.outcome in ('server_error', 'no_response') as failed,
        r.outcome = 'denied' as denied
    from edge_requests as r
    inner join edges_below as e
        on r.caller = e.caller
        and r.callee = e.callee
    where r.time >= $since - to_minutes($before_minutes)
        and r.time < $until
),

usual as (
    select
        a.caller,
        a.callee,
        count(*) as n,
        avg(a.failed::integer) as failed,
        avg(a.denied::integer) as denied,
        avg(a.latency_ms) filter (not a.failed and not a.denied) as mean_ms,
        quantile_cont(a.latency_ms, 0.99) filter (not a.failed and not a.denied) as p99_ms
    from asked as a
    where not a.is_now
    group by a.caller, a.callee
),

judged as (
    select
        a.*,
        not a.failed and not a.denied and a.latency_ms > 1.2 * u.p99_ms + 5 as slow,
        u.n as n_before,
        u.failed as failed_before,
        u.denied as denied_before,
        u.mean_ms as mean_before
    from asked as a
    left join usual as u
        on a.caller = u.caller
        and a.callee = u.callee
    where a.is_now
),

minutes as (
    select
        caller,
        callee,
        minute,
        greatest(count(*) filter (failed) - count(*) * coalesce(any_value(failed_before), 0), 0)
            + greatest(count(*) filter (denied) - count(*) * coalesce(any_value(denied_before), 0), 0)
            + count(*) filter (slow) as excess,
        count(*) as n
    from judged
    group by all
),

onsets as (
    select
        caller,
        callee,
        min(minute) filter (excess >= 2 and excess >= 0.1 * n) as worse_from
    from minutes
    group by caller, callee
),

edges as (
    select
        j.caller,
        j.callee,
        count(*) as n,
        greatest(count(*) filter (j.failed) - count(*) * coalesce(any_value(j.failed_before), 0), 0) as failing,
        greatest(count(*) filter (j.denied) - count(*) * coalesce(any_value(j.denied_before), 0), 0) as refused,
        greatest(count(*) filter (j.slow) - 0.01 * count(*), 0) as slow,
        avg((j.failed or j.denied)::integer) as failed_share,
        any_value(j.failed_before) + any_value(j.denied_before) as failed_share_before,
        avg(j.latency_ms) filter (not j.failed and not j.denied) as mean_ms,
        any_value(j.mean_before) as mean_before_ms
    from judged as j
    group by j.caller, j.callee
),

-- What a node's own calls bring to those who call it: failures, and milliseconds per request that it answers.
brought as (
    select
        e.caller as node,
        count(*) as edges,
        sum(e.failing + e.refused) as failing,
        sum(greatest(e.mean_ms - e.mean_before_ms, 0) * e.n) as added
    from edges as e
    group by e.caller
),

received as (
    select
        e.callee as node,
        sum(e.failing) as failing,
        sum(e.n) as n
    from edges as e
    group by e.callee
),

explained as (
    select
        e.*,
        coalesce(b.edges, 0) as downstream,
        least(1, coalesce(b.failing / nullif(r.failing, 0), 0)) as failing_explained,
        least(1, greatest(coalesce((b.added / nullif(r.n, 0)) / nullif(e.mean_ms - e.mean_before_ms, 0), 0), 0)) as slow_explained
    from edges as e
    left join brought as b
        on e.callee = b.node
    left join received as r
        on e.callee = r.node
),

weighed as (
    select
        x.*,
        x.failing + x.refused + x.slow as excess,
        x.refused + x.failing * (1 - x.failing_explained) + x.slow * (1 - x.slow_explained) as own_excess,
        o.worse_from,
        (epoch(o.worse_from) - epoch(min(o.worse_from) over ())) / 60 as minutes_later
    from explained as x
    left join onsets as o
        on x.caller = o.caller
        and x.callee = o.callee
    where x.failing + x.refused + x.slow >= $min_excess
)

select
    row_number() over (
        order by w.own_excess / (1 + coalesce(w.minutes_later, 30) / 30) desc, w.worse_from, w.caller, w.callee
    ) as rank,
    case
        when w.own_excess < 0.5 * w.excess then 'passed_on'
        when w.downstream = 0 and w.refused < 0.5 * w.excess then 'unclear'
        else 'suspect'
    end as verdict,
    w.caller,
    w.callee,
    case
        when w.refused >= w.failing and w.refused >= w.slow then 'denied'
        when w.failing >= w.slow then 'failing'
        else 'slow'
    end as kind,
    w.own_excess / (1 + coalesce(w.minutes_later, 30) / 30)
        / nullif(sum(w.own_excess / (1 + coalesce(w.minutes_later, 30) / 30)) over (), 0) as score,
    w.excess,
    w.own_excess,
    w.n as requests,
    w.failed_share,
    w.failed_share_before,
    w.mean_ms,
    w.mean_before_ms,
    w.worse_from,
    w.downstream
from weighed as w
order by rank
