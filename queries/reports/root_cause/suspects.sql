-- ---
-- title = "Suspects"
-- question = "Which edge explains that a service fails or is slow in this window?"
-- about = """
-- Every edge downstream of the service (all edges without one), compared with what was before: counts of the minutes before,
-- latency of the whole hours before (where they hold fewer than 20 requests, of the begun hour less the window's own). Its
-- excess: failures and refusals above the share they had, and answers slower than 1.2 times the p90 it had, by more than 2 ms
-- (Lattice logs whole milliseconds); what three standard errors explain is no excess. From that is taken what got worse over
-- the callee's own calls: failures, and added milliseconds. A callee that calls nobody may call under a name that is kept
-- apart (NAT, shared hosts): then calls of whoever may be it, by VPC and address, explain up to three quarters. The rest,
-- own_excess, is weighted by its share of the excess and by who got worse first. verdict suspect: most of the excess is its
-- own; passed_on: most comes from further down; unclear: most may come from further down, over calls of a name that may or
-- may not be the callee's. An edge that was refused before has no latency to compare with. No row: nothing got worse beyond
-- chance."""
-- history_hours = 24
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
-- score = { type = "double", about = "own_excess x its share of excess x earliness, as a share of all edges', 0 to 1; NULL where no excess is an edge's own, as of services that call each other in a circle" }
-- excess = { type = "double", about = "failed, refused and slow requests above what was usual, chance left out" }
-- own_excess = { type = "double", about = "of these, not explained by further down" }
-- requests = { type = "bigint", about = "requests in the window" }
-- failed_share = { type = "double", about = "failed or refused / requests now" }
-- failed_share_before = { type = "double", about = "the same before" }
-- mean_ms = { type = "double", about = "mean latency now, ms, failures included" }
-- mean_before_ms = { type = "double", about = "the same before, from the rollup" }
-- worse_from = { type = "timestamp with time zone", about = "first minute that stands out: two bad requests and a tenth more than usual; NULL: none does" }
-- downstream = { type = "bigint", about = "edges that the callee calls over, as far as the logs tell" }
-- ---
with recursive called as (
    select distinct
        c.caller,
        c.callee
    from calls as c
    where c.minute >= $since - to_minutes($before_minutes)
        and c.minute < $until
),

-- Who is asked, however indirectly, because of a caller.
reached as (
    select
        caller,
        callee as node
    from called
    union
    select
        r.caller,
        c.callee
    from reached as r
    inner join called as c
        on r.node = c.caller
),

asked as (
    select
        r.caller,
        r.callee,
        r.time,
        r.kind in ('http', 'grpc') as timed,
        r.latency_ms,
        latency_bucket(r.latency_ms) as bucket,
        r.outcome in ('server_error', 'no_response') as failed,
        r.outcome = 'denied' as denied,
        r.caller_vpc,
        r.caller_ip,
        r.target_vpc,
        r.target_ip
    from requests as r
    anti join seen_through as t
        on relaying_elb(r.front_door, r.caller_ip, r.service) = t.elb
    where r.time >= $since
        and r.time < $until
        and (
            $only_service is null
            or r.caller = $only_service
            or r.caller in (select x.node from reached as x where x.caller = $only_service)
        )
),

usual_counts as (
    select
        c.caller,
        c.callee,
        sum(c.requests) as n,
        sum(c.server_errors + c.no_response) as failed,
        sum(c.denied) as denied
    from calls as c
    where c.minute >= $since - to_minutes($before_minutes)
        and c.minute + interval 1 minute <= $since
    group by c.caller, c.callee
),

-- Latency before is known by the hour: the hours before the one in which the window begins and, for an edge of which they
-- hold too little, that hour less the window's own.
past_hours as (
    select
        l.caller,
        l.callee,
        l.bucket,
        l.hour < hour_of($since) as whole,
        l.requests as n
    from latencies as l
    where l.part = 'total'
        and l.hour between hour_of($since - to_minutes($before_minutes)) and hour_of($since)
    union all
    select
        a.caller,
        a.callee,
        a.bucket,
        false as whole,
        -1 as n
    from asked as a
    where a.time < hour_of($since) + interval 1 hour
        and a.timed
        and a.bucket is not null
),

past_buckets as (
    select
        h.caller,
        h.callee,
        h.bucket,
        sum(h.n) as n
    from past_hours as h
    inner join (
        select
            x.caller,
            x.callee,
            coalesce(sum(x.n) filter (x.whole), 0) >= 20 as enough
        from past_hours as x
        group by x.caller, x.callee
    ) as w
        on h.caller = w.caller
        and h.callee = w.callee
    where h.whole or not w.enough
    group by h.caller, h.callee, h.bucket
    having sum(h.n) > 0
),

slow_limits as (
    select
        caller,
        callee,
        greatest(1.2 * p90_ms, p90_ms + 2) as ms
    from (
        select
            caller,
            callee,
            p90(bucket, n) as p90_ms
        from past_buckets
        group by caller, callee
    )
),

usual_latency as (
    select
        b.caller,
        b.callee,
        any_value(l.ms) as slow_from_ms,
        sum(b.n) as n,
        coalesce(sum(b.n) filter (bucket_ms(b.bucket) > l.ms), 0) as slow,
        sum(b.n * bucket_ms(b.bucket)) / sum(b.n) as mean_ms
    from past_buckets as b
    inner join slow_limits as l
        on b.caller = l.caller
        and b.callee = l.callee
    group by b.caller, b.callee
),

judged as (
    select
        a.caller,
        a.callee,
        minute_of(a.time) as minute,
        a.failed,
        a.denied,
        coalesce(not a.failed and not a.denied and bucket_ms(a.bucket) > l.slow_from_ms, false) as slow,
        case when a.timed and not a.denied then a.latency_ms end as ms,
        c.n as n_before,
        c.failed as failed_before,
        c.denied as denied_before,
        l.n as timed_before,
        l.slow as slow_before,
        l.mean_ms as mean_before_ms
    from asked as a
    left join usual_counts as c
        on a.caller = c.caller
        and a.callee = c.callee
    -- The rollup of latency holds refused requests too: after many of them it says nothing of the work. (A condition beside
    -- the columns would compare every request with every edge.)
    left join usual_latency as l
        on a.caller = l.caller
        and case when coalesce(c.denied / c.n, 0) < 0.1 then a.callee end = l.callee
),

onsets as (
    select
        m.caller,
        m.callee,
        min(m.minute) as worse_from
    from (
        select
            caller,
            callee,
            minute,
            count(*) as n,
            count(*) filter (failed) - count(*) * coalesce(any_value(failed_before / n_before), 0)
                + count(*) filter (denied) - count(*) * coalesce(any_value(denied_before / n_before), 0)
                + count(*) filter (slow) - count(*) * coalesce(any_value(slow_before / timed_before), 0) as bad
        from judged
        group by caller, callee, minute
    ) as m
    where m.bad >= 2
        and m.bad >= 0.1 * m.n
    group by m.caller, m.callee
),

edges as (
    select
        j.caller,
        j.callee,
        count(*) as n,
        any_value(j.n_before) as n_before,
        more_than_usual(count(*) filter (j.failed), count(*), any_value(j.failed_before), any_value(j.n_before)) as failing,
        more_than_usual(count(*) filter (j.denied), count(*), any_value(j.denied_before), any_value(j.n_before)) as refused,
        more_than_usual(count(*) filter (j.slow), count(*), any_value(j.slow_before), any_value(j.timed_before)) as slow,
        avg((j.failed or j.denied)::integer) as failed_share,
        any_value((j.failed_before + j.denied_before) / j.n_before) as failed_share_before,
        avg(j.ms) as mean_ms,
        any_value(j.mean_before_ms) as mean_before_ms
    from judged as j
    group by j.caller, j.callee
),

-- What got worse, and the milliseconds that it added to its callers' work.
worse as (
    select
        e.*,
        e.failing + e.refused + e.slow as excess,
        greatest((e.mean_ms - e.mean_before_ms) * e.n, 0) as added_ms
    from edges as e
    where e.failing + e.refused + e.slow > 0
),

answering as (
    select distinct
        callee as node,
        target_vpc as vpc,
        target_ip as ip
    from asked
    where callee not in (select c.caller from called as c)
),

asking as (
    select distinct
        caller,
        caller_vpc as vpc,
        caller_ip as ip
    from asked
    where caller not in (select c.callee from called as c)
),

-- A callee that calls nobody may call under a name that is kept apart: that of a caller whom nobody calls, whose calls do
-- not lead back to the callee, and who calls from the callee's own addresses, or from its VPC and no target's address.
aliases as (
    select
        t.node,
        s.caller
    from answering as t
    inner join asking as s
        on t.vpc = s.vpc
        and t.ip = s.ip
    union
    select
        t.node,
        s.caller
    from (
        select distinct
            node,
            vpc
        from answering
    ) as t
    inner join (
        select distinct
            caller,
            vpc
        from asking
        where ip not in (select a.target_ip from asked as a where a.target_ip is not null)
    ) as s
        on t.vpc = s.vpc
),

-- What comes to a node from further down: over its own calls, or over those of its possible aliases.
brought as (
    select
        node,
        sum(failing) as failing,
        sum(added_ms) as added_ms,
        bool_or(guessed) as guessed
    from (
        select
            caller as node,
            failing + refused as failing,
            added_ms,
            false as guessed
        from worse
        union all
        select
            a.node,
            w.failing + w.refused,
            w.added_ms,
            true
        from worse as w
        inner join aliases as a
            on w.caller = a.caller
        anti join reached as r
            on a.caller = r.caller
            and a.node = r.node
    )
    group by node
),

received as (
    select
        callee as node,
        sum(failing) as failing,
        sum(slow) as slow,
        sum(added_ms) as added_ms
    from worse
    group by callee
),

explained as (
    select
        w.*,
        coalesce(b.guessed, false) as guessed,
        case when b.guessed then 0.75 else 1 end
            * least(1, coalesce(b.failing / nullif(r.failing, 0), 0)) as failing_explained,
        -- A failure further down costs time as well: waits and retries, of which no log tells.
        case when b.guessed then 0.75 else 1 end * least(
            1,
            greatest(
                coalesce(b.added_ms / nullif(r.added_ms, 0), 0),
                coalesce(b.failing / nullif(r.failing + r.slow, 0), 0)
            )
        ) as slow_explained,
        o.worse_from
    from worse as w
    inner join received as r
        on w.callee = r.node
    left join brought as b
        on w.callee = b.node
    left join onsets as o
        on w.caller = o.caller
        and w.callee = o.callee
    where w.excess >= $min_excess
),

weighed as (
    select
        x.*,
        x.refused + x.failing * (1 - x.failing_explained) + x.slow * (1 - x.slow_explained) as own_excess,
        1 / (1 + coalesce((epoch(x.worse_from) - epoch((select min(a.worse_from) from explained as a))) / 60, 0) / 30) as earliness
    from explained as x
)

select
    row_number() over (
        order by w.own_excess * w.own_excess / w.excess * w.earliness desc, w.worse_from, w.caller, w.callee
    ) as rank,
    case
        when w.own_excess >= 0.5 * w.excess then 'suspect'
        when w.guessed then 'unclear'
        else 'passed_on'
    end as verdict,
    w.caller,
    w.callee,
    case
        when w.refused >= w.failing and w.refused >= w.slow then 'denied'
        when w.failing >= w.slow then 'failing'
        else 'slow'
    end as kind,
    w.own_excess * w.own_excess / w.excess * w.earliness
        / nullif((select sum(a.own_excess * a.own_excess / a.excess * a.earliness) from weighed as a), 0) as score,
    w.excess,
    w.own_excess,
    w.n as requests,
    w.failed_share,
    w.failed_share_before,
    w.mean_ms,
    w.mean_before_ms,
    w.worse_from,
    (select count(*) from called as c where c.caller = w.callee)::bigint as downstream
from weighed as w
order by rank
