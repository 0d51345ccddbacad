-- ---
-- title = "Retry storms"
-- question = "Which caller repeats failed requests at once, and how much load does it add?"
-- about = """
-- A retry: the same caller address, service, method and path within within_seconds after an answer that failed, both in the
-- window. Lattice gives whole seconds, so repeats up to a second before the answer count as well. A storm: minutes with at least
-- min_retries, less than five minutes apart. Amplification 2 means that every second request was a retry. Refused requests
-- are counted nowhere."""
-- history_hours = 24
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- within_seconds = { type = "bigint", default = 5, about = "from a failed answer to its retry, at most" }
-- min_retries = { type = "bigint", default = 5, about = "retries in a minute that make it part of a storm" }
-- [columns]
-- caller = { type = "varchar", about = "display name of the caller's node" }
-- callee = { type = "varchar", about = "display name of the callee's node" }
-- began = { type = "timestamp with time zone", about = "first minute of the storm" }
-- ended = { type = "timestamp with time zone", about = "end of its last minute" }
-- requests = { type = "bigint", about = "requests in it" }
-- failed = { type = "bigint", about = "server errors and missing responses in it" }
-- retries = { type = "bigint", about = "retries in it" }
-- amplification = { type = "double", about = "requests / requests that were no retries; NULL when all were" }
-- peak_per_minute = { type = "bigint", about = "requests in its busiest minute" }
-- usual_per_minute = { type = "double", about = "requests per minute of this edge, in the minutes with any in the 24 hours before the storm" }
-- caller_ips = { type = "bigint", about = "addresses that retried" }
-- path = { type = "varchar", about = "path retried most; of several, the first by name" }
-- ---
with answered as (
    select
        r.caller,
        r.callee,
        r.caller_ip,
        r.method,
        r.path,
        r.time,
        r.outcome in ('server_error', 'no_response') as failed,
        -- No log says more than a day, whatever a line claims.
        to_microseconds(coalesce(whole_us(least(greatest(r.latency_ms, 0), 86400000)), 0)) as took,
        -- Lattice logs when a request began, a load balancer when it was answered.
        case when r.front_door = 'alb' then r.time - took else r.time end as started,
        started + took as ended,
        -- Lattice's time is cut to the second, a load balancer's parts to the millisecond: an answer is as early as that.
        greatest(ended - case when r.front_door = 'alb' then interval 10 milliseconds else interval 1 second end, started) as known_from,
        r.log_object,
        r.log_line
    from edge_requests as r
    where r.time >= $since
        and r.time < $until
        and r.outcome <> 'denied'
),

called as (
    select a.*
    from answered as a
    where (a.caller, a.callee) in (select (f.caller, f.callee) from answered as f where f.failed)
),

-- Requests as they began, and failed ones as they were answered, where any failed: most calls never do. In the order of
-- their lines where no time tells them apart, and no request after its own answer.
events as (
    select
        c.*,
        c.started as happened,
        false as is_answer
    from called as c
    union all
    select
        c.*,
        c.known_from,
        true
    from called as c
    where c.failed
),

ordered as (
    select
        e.*,
        max(case when e.is_answer then e.ended end) over (
            partition by e.caller, e.callee, e.caller_ip, e.method, e.path
            order by e.happened, e.log_object, e.log_line, e.is_answer
            rows between unbounded preceding and 1 preceding
        ) as failed_before
    from events as e
),

tried as (
    select
        o.*,
        coalesce(o.failed_before >= o.started - to_seconds($within_seconds), false) as is_retry
    from ordered as o
    where not o.is_answer
),

minutes as (
    select
        t.caller,
        t.callee,
        minute_of(t.time) as minute,
        count(*) as requests,
        count(*) filter (t.failed) as failed,
        count(*) filter (t.is_retry) as retries
    from tried as t
    group by all
),

stormy as (
    select
        m.caller,
        m.callee,
        m.minute,
        coalesce(
            m.minute > lag(m.minute) over (partition by m.caller, m.callee order by m.minute) + interval 5 minutes, true
        ) as starts
    from minutes as m
    where m.retries >= $min_retries
),

storms as (
    select
        caller,
        callee,
        min(minute) as began,
        max(minute) + interval 1 minute as ended
    from (
        select
            *,
            count(*) filter (starts) over (
                partition by caller, callee order by minute rows between unbounded preceding and current row
            ) as storm
        from stormy
    )
    group by caller, callee, storm
),

sums as (
    select
        s.caller,
        s.callee,
        s.began,
        s.ended,
        sum(m.requests) as requests,
        sum(m.failed) as failed,
        sum(m.retries) as retries,
        max(m.requests) as peak
    from storms as s
    inner join minutes as m
        on s.caller = m.caller
        and s.callee = m.callee
        and m.minute >= s.began
        and m.minute < s.ended
    group by all
),

paths as (
    select
        s.caller,
        s.callee,
        s.began,
        count(distinct t.caller_ip) as caller_ips,
        mode(t.path order by t.path) as path
    from storms as s
    inner join tried as t
        on s.caller = t.caller
        and s.callee = t.callee
        and t.time >= s.began
        and t.time < s.ended
    where t.is_retry
    group by all
),

usual as (
    select
        s.caller,
        s.callee,
        s.began,
        sum(c.requests) / count(distinct c.minute) as per_minute
    from storms as s
    inner join minute_calls as c
        on s.caller = c.caller
        and s.callee = c.callee
        and c.minute >= s.began - interval 24 hours
        and c.minute < s.began
    where c.outcome <> 'denied'
        and c.minute >= $since - interval 24 hours
        and c.minute < $until
    group by all
)

select
    s.caller,
    s.callee,
    s.began,
    s.ended,
    s.requests::bigint as requests,
    s.failed::bigint as failed,
    s.retries::bigint as retries,
    s.requests / nullif(s.requests - s.retries, 0) as amplification,
    s.peak as peak_per_minute,
    u.per_minute as usual_per_minute,
    p.caller_ips,
    p.path
from sums as s
left join paths as p
    on s.caller = p.caller
    and s.callee = p.callee
    and s.began = p.began
left join usual as u
    on s.caller = u.caller
    and s.callee = u.callee
    and s.began = u.began
order by s.retries desc, s.began, s.caller, s.callee
