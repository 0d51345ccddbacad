-- ---
-- title = "Paths of a caller's traffic, week by week"
-- question = "Which share of each caller's traffic goes over load balancers, Lattice, resource configurations and Lambda relays?"
-- about = """
-- Weeks begin on Monday, UTC. lambda_relay: calls of a function that calls one service only, signed or not (told by its session
-- name within the requests of the window; see lambda_callers). Connections to resource configurations count like requests. A
-- week that the window or the data does not cover whole has complete false: its shares hold, its numbers do not compare."""
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- min_requests = { type = "bigint", default = 1, about = "leave out weeks in which a caller made fewer" }
-- [columns]
-- caller = { type = "varchar", about = "display name of the caller's node" }
-- week = { type = "date", about = "Monday of the week" }
-- path = { type = "varchar", about = "alb, lattice, resource or lambda_relay" }
-- requests = { type = "bigint", about = "requests (resource: connections)" }
-- share = { type = "double", about = "of the caller's in that week, 0 to 1" }
-- share_before = { type = "double", about = "share in the week before; NULL when the caller made none then" }
-- callees = { type = "bigint", about = "services reached that way" }
-- complete = { type = "boolean", about = "whether window and data cover the week" }
-- ---
-- One service only, of all that it calls, signed or not.
with relays as (
    select r.caller
    from edge_requests as r
    where r.time >= $since
        and r.time < $until
        and contains(r.caller_principal, ':role/')
        and r.caller in (
            select c.caller
            from calls as c
            where c.minute >= $since
                and c.minute < $until
            group by c.caller
            having min(c.callee) = max(c.callee)
        )
    group by r.caller
    having bool_and(
            coalesce(
                not regexp_full_match(
                    r.caller_session, '[0-9a-f]{32}|i-[0-9a-f]+|eks-.*|[0-9]{16,}|botocore-session-.*|aws-go-sdk-.*'
                ),
                false
            )
        )
),

made as (
    select
        c.caller,
        time_bucket(interval 7 days, c.minute, timestamptz '2000-01-03 00:00:00+00') as begins,
        case when c.caller in (select x.caller from relays as x) then 'lambda_relay' else c.front_door end as path,
        c.callee,
        c.requests
    from calls as c
    where c.minute >= $since
        and c.minute < $until
    union all
    select
        c.caller,
        time_bucket(interval 7 days, c.time, timestamptz '2000-01-03 00:00:00+00'),
        'resource',
        c.callee,
        1
    from resource_connections as c
    where c.time >= $since
        and c.time < $until
),

paths as (
    select
        m.caller,
        m.begins,
        m.path,
        sum(m.requests) as requests,
        count(distinct m.callee) as callees
    from made as m
    group by all
),

-- A path that was used once and is not any more has a week with 0: that is the news.
weeks as (
    select distinct
        p.caller,
        p.begins,
        q.path
    from paths as p
    inner join paths as q
        on p.caller = q.caller
),

filled as (
    select
        w.caller,
        w.begins,
        w.path,
        coalesce(p.requests, 0) as requests,
        coalesce(p.callees, 0) as callees,
        sum(coalesce(p.requests, 0)) over (partition by w.caller, w.begins) as all_requests
    from weeks as w
    left join paths as p
        on w.caller = p.caller
        and w.begins = p.begins
        and w.path = p.path
),

shared as (
    select
        *,
        requests / nullif(all_requests, 0) as share
    from filled
)

select
    s.caller,
    s.begins::date as week,
    s.path,
    s.requests::bigint as requests,
    s.share,
    b.share as share_before,
    s.callees::bigint as callees,
    coalesce(s.begins >= $since and s.begins + interval 7 days <= least($until, data_until()), false) as complete
from shared as s
left join shared as b
    on s.caller = b.caller
    and s.path = b.path
    and s.begins = b.begins + interval 7 days
where s.all_requests >= $min_requests
order by s.caller, s.begins, s.requests desc, s.path
