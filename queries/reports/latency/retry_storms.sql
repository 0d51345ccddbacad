-- ---
-- title = "Retry storms"
-- question = "Which caller repeats failed requests at once, and how much load does it add?"
-- about = """
-- A retry: the same caller address, service, method and path within within_seconds after an answer that failed, both in the
-- window. Lattice gives whole seconds, so repeats within one second count as well. A storm: minutes with at least
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
        r.log_object,
        r.log_line
    from edge_requests as r
    where r.time >= $since
        and r.time < $until
        and r.outcome <> 'denied'
),

-- In the order of their time, where any failed: most calls never do.
ordered as (
    select
        a.*,
        max(case when a.failed then a.time end) over (
            partition by a.caller, a.callee, a.caller_ip, a.method, a.path
            order by a.time, a.log_object, a.log_line
            rows between unbounded preceding and 1 preceding
        ) as failed_before
    from answered as a
    where (a.caller, a.callee) in (select (f.caller, f.callee) from answered as f where f.failed)
),

minutes as (
    select
        o.caller,
        o.callee,
        minute_of(o.time) as minute,
        count(*) as requests,
        count(*) filter (o.failed) as failed,
        count(*) filter (o.failed_before >= o.time - to_seconds($within_seconds)) as retries
    from ordered as o
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
        count(distinct o.caller_ip) as caller_ips,
        mode(o.path order by o.path) as path
    from storms as s
    inner join ordered as o
        on s.caller = o.caller
        and s.callee = o.callee
        and o.time >= s.began
        and o.time < s.ended
    where o.failed_before >= o.time - to_seconds($within_seconds)
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
