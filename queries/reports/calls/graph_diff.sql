-- ---
-- title = "What changed in the graph"
-- question = "Which edges are new, gone, newly denied, failing or slower in this window, against another one?"
-- about = """
-- The line column, row under row, is the text for a change ticket. The windows may differ in length; both end where data is
-- complete. Latency before comes from the requests where the session holds them, else from the hourly rollup (within 5 %,
-- whole hours, the first from its start). The rollup holds refused requests too: of an edge with min_share of them before
-- it tells no latency."""
-- history_hours = 168
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- before_since = { type = "timestamptz", about = "start of the window to compare with; as long before it when NULL" }
-- before_until = { type = "timestamptz", about = "its end; the start of the window when NULL" }
-- min_requests = { type = "bigint", default = 5, about = "requests an edge needs, in the window where it is; new and gone: at that rate in the other window too" }
-- min_share = { type = "double", default = 0.01, about = "share of refusals or failures that has to be added" }
-- min_ratio = { type = "double", default = 1.5, about = "p90 now / before from which an edge is slower" }
-- min_added_ms = { type = "double", default = 10, about = "and by how much, ms" }
-- [columns]
-- change = { type = "varchar", about = "new, gone, denied, failing, slower, or recovered (no longer denied or failing)" }
-- caller = { type = "varchar", about = "display name of the caller's node" }
-- callee = { type = "varchar", about = "display name of the callee's node" }
-- requests_before = { type = "bigint", about = "requests in the window before" }
-- requests_now = { type = "bigint", about = "requests in the window" }
-- denied_before = { type = "double", about = "refused / requests before, 0 to 1" }
-- denied_now = { type = "double", about = "the same now" }
-- failed_before = { type = "double", about = "server errors and missing responses / requests before, 0 to 1" }
-- failed_now = { type = "double", about = "the same now" }
-- p90_before_ms = { type = "double", about = "90th percentile of latency before, ms; of requests that were not refused" }
-- p90_now_ms = { type = "double", about = "the same now" }
-- line = { type = "varchar", about = "the change in a sentence" }
-- ---
with bounds as (
    select
        coalesce($before_since::timestamptz, coalesce($before_until::timestamptz, $since) - ($until - $since)) as from_at,
        least(coalesce($before_until::timestamptz, $since), data_until()) as to_at,
        greatest(least($until, data_until()), $since) as ended,
        isinf(first_hour()) or from_at >= window_from() as holds_requests
),

-- The windows' bounds once more where rows are read: only what is known when a question is planned prunes files.
present as (
    from edges($since, greatest(least($until, data_until()), $since))
),

past as (
    from edges(
        coalesce($before_since::timestamptz, coalesce($before_until::timestamptz, $since) - ($until - $since)),
        least(coalesce($before_until::timestamptz, $since), data_until())
    )
),

-- What came before the first call of the window before is not known to have been quiet.
durations as (
    select (epoch(b.ended) - epoch($since)) / nullif(epoch(b.to_at) - epoch(greatest(b.from_at, p.first_minute)), 0) as times_longer
    from bounds as b
    cross join (
        select min(first_minute) as first_minute
        from past
    ) as p
),

counted as (
    select
        coalesce(n.caller, p.caller) as caller,
        coalesce(n.callee, p.callee) as callee,
        coalesce(p.requests, 0) as before,
        coalesce(p.denied, 0) as refused_before,
        coalesce(p.server_errors + p.no_response, 0) as wrong_before,
        coalesce(n.requests, 0) as now,
        coalesce(n.denied, 0) as refused_now,
        coalesce(n.server_errors + n.no_response, 0) as wrong_now
    from present as n
    full outer join past as p
        on n.caller = p.caller
        and n.callee = p.callee
),

timed as (
    select
        r.caller,
        r.callee,
        ms_of(quantile_cont(r.latency_us, 0.9) filter (r.time >= b.from_at and r.time < b.to_at)) as before,
        ms_of(quantile_cont(r.latency_us, 0.9) filter (r.time >= $since and r.time < b.ended)) as now
    from timed_requests as r, bounds as b
    where not r.is_denied
        and r.time >= least(
            coalesce($before_since::timestamptz, coalesce($before_until::timestamptz, $since) - ($until - $since)),
            $since
        )
        and r.time < greatest($until, $before_until::timestamptz)
    group by r.caller, r.callee
),

rolled as (
    select
        l.caller,
        l.callee,
        p90(l.bucket, l.requests) as before
    from edge_latencies(
        hour_of(coalesce($before_since::timestamptz, coalesce($before_until::timestamptz, $since) - ($until - $since))),
        hour_of(least(coalesce($before_until::timestamptz, $since), data_until()))
    ) as l
    where not (select b.holds_requests from bounds as b)
    group by l.caller, l.callee
),

compared as (
    select
        c.caller,
        c.callee,
        c.before::bigint as requests_before,
        c.now::bigint as requests_now,
        c.refused_before / nullif(c.before, 0) as denied_before,
        c.refused_now / nullif(c.now, 0) as denied_now,
        c.wrong_before / nullif(c.before, 0) as failed_before,
        c.wrong_now / nullif(c.now, 0) as failed_now,
        case
            when b.holds_requests then t.before
            when c.refused_before < $min_share * c.before then h.before
        end as p90_before_ms,
        t.now as p90_now_ms,
        -- Not a window over everything: DuckDB 1.5.5 fails now and then on few rows and several threads (its issue 25713).
        (select sum(a.before) from counted as a) as all_before,
        least(c.now, c.now / nullif(d.times_longer, 0)) as comparable_now,
        least(c.before, c.before * d.times_longer) as comparable_before
    from counted as c
    cross join bounds as b
    cross join durations as d
    left join timed as t
        on c.caller = t.caller
        and c.callee = t.callee
    left join rolled as h
        on c.caller = h.caller
        and c.callee = h.callee
),

changes as (
    select
        *,
        unnest([
            case when requests_before = 0 and comparable_now >= $min_requests and all_before > 0 then 'new' end,
            case when requests_now = 0 and comparable_before >= $min_requests then 'gone' end,
            case
                when requests_now >= $min_requests and denied_now >= coalesce(denied_before, 0) + $min_share then 'denied'
            end,
            case
                when requests_now >= $min_requests and failed_now >= coalesce(failed_before, 0) + $min_share then 'failing'
            end,
            case
                when requests_now >= $min_requests and requests_before >= $min_requests
                    and p90_now_ms >= $min_ratio * p90_before_ms and p90_now_ms - p90_before_ms >= $min_added_ms then 'slower'
            end,
            case
                when requests_now >= $min_requests and requests_before >= $min_requests
                    and denied_before + failed_before >= denied_now + failed_now + $min_share
                    and denied_now + failed_now < $min_share then 'recovered'
            end
        ]) as change
    from compared
)

select
    d.change,
    d.caller,
    d.callee,
    d.requests_before,
    d.requests_now,
    d.denied_before,
    d.denied_now,
    d.failed_before,
    d.failed_now,
    d.p90_before_ms,
    d.p90_now_ms,
    d.change || ': ' || d.caller || ' -> ' || d.callee || case d.change
        when 'new' then ', ' || d.requests_now || ' requests, none before'
        when 'gone' then ', ' || d.requests_before || ' requests before, none now'
        when 'denied' then ', ' || round(100 * d.denied_now, 1) || ' % refused, before '
            || coalesce(round(100 * d.denied_before, 1) || ' %', 'not called')
        when 'failing' then ', ' || round(100 * d.failed_now, 1) || ' % failed, before '
            || coalesce(round(100 * d.failed_before, 1) || ' %', 'not called')
        when 'slower' then ', p90 ' || round(d.p90_now_ms)::bigint || ' ms, before ' || round(d.p90_before_ms)::bigint || ' ms'
        else ', ' || round(100 * (d.denied_before + d.failed_before), 1) || ' % refused or failed before, '
            || round(100 * (d.denied_now + d.failed_now), 1) || ' % now'
    end as line
from changes as d
where d.change is not null
order by
    array_position(['new', 'gone', 'denied', 'failing', 'slower', 'recovered'], d.change),
    greatest(d.requests_before, d.requests_now) desc,
    d.caller,
    d.callee
