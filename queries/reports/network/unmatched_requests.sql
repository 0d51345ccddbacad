-- ---
-- title = "Requests without a flow record"
-- question = "For which edges do flow records not show the packets that a request must have sent, and why?"
-- about = """
-- Matched by address and port within the minute beside it, per edge and leg. A VPC without any flow record in the window has no flow log (or it does not
-- reach this lake); where others of the VPC are there, some were not delivered, the interface has none, or the address is
-- not the one in the packets. Only requests before complete_until are counted: later records may still come."""
-- around_minutes = 11
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- min_unmatched = { type = "bigint", default = 1, about = "leave out edges with fewer" }
-- [columns]
-- caller = { type = "varchar", about = "display name of the caller's node" }
-- callee = { type = "varchar", about = "display name of the callee's node" }
-- leg = { type = "varchar", about = "client: caller to front door; target: front door to target" }
-- requests = { type = "bigint", about = "requests with that leg" }
-- unmatched = { type = "bigint", about = "of these, without a flow record" }
-- share = { type = "double", about = "unmatched / requests, 0 to 1" }
-- reason = { type = "varchar", about = "no flow records of the VPC, VPC unknown, or flow records missing" }
-- vpc = { type = "varchar", about = "VPC of the caller or the target" }
-- first_unmatched = { type = "timestamp with time zone", about = "first request without one" }
-- last_unmatched = { type = "timestamp with time zone", about = "last request without one" }
-- complete_until = { type = "timestamp with time zone", about = "until when flow records are complete; NULL: there are none" }
-- ---
with bounds as (
    select least($until, (select w.complete_until from watermarks as w where w.source = 'vpc_flow')) as ended
),

asked as (
    select
        r.time,
        minute_of(r.time) as minute,
        r.caller,
        r.callee,
        r.caller_ip,
        r.caller_port,
        r.caller_vpc,
        r.target_ip,
        r.target_port,
        r.target_vpc
    from requests as r
    cross join bounds as b
    anti join seen_through as t
        on relaying_elb(r.front_door, r.caller_ip, r.service) = t.elb
    where r.time >= $since
        and r.time < b.ended
),

-- The minutes that each flow record covers, 60 seconds more on both sides.
covered as (
    select
        src_ip,
        src_port,
        dst_ip,
        dst_port,
        direction,
        vpc,
        unnest(
            generate_series(
                minute_of(time - interval 60 seconds), least(end_time, time + interval 11 minutes) + interval 60 seconds, interval 1 minute
            )
        ) as minute
    from connections
    where time >= $since - interval 11 minutes
        and time < $until + interval 2 minutes
        and src_port is not null
),

callers_seen as (
    select distinct
        minute,
        src_ip,
        src_port
    from covered
),

targets_seen as (
    select distinct
        minute,
        dst_ip,
        dst_port
    from covered
),

legs as (
    select
        a.caller,
        a.callee,
        'client' as leg,
        a.caller_vpc as vpc,
        a.time,
        c.src_ip is not null as matched
    from asked as a
    left join callers_seen as c
        on a.caller_ip = c.src_ip
        and a.caller_port = c.src_port
        and a.minute = c.minute
    where a.caller_ip is not null
    union all
    select
        a.caller,
        a.callee,
        'target',
        a.target_vpc,
        a.time,
        t.dst_ip is not null
    from asked as a
    left join targets_seen as t
        on a.target_ip = t.dst_ip
        and a.target_port = t.dst_port
        and a.minute = t.minute
    where a.target_ip is not null
),

logged_vpcs as (
    select f.vpc
    from flow_hours as f
    where f.hour >= hour_of($since)
        and f.hour < $until
    group by f.vpc
    having sum(f.flows) > 0
),

counted as (
    select
        l.caller,
        l.callee,
        l.leg,
        l.vpc,
        count(*) as requests,
        count(*) filter (not l.matched) as unmatched,
        min(l.time) filter (not l.matched) as first_unmatched,
        max(l.time) filter (not l.matched) as last_unmatched
    from legs as l
    group by l.caller, l.callee, l.leg, l.vpc
)

select
    c.caller,
    c.callee,
    c.leg,
    c.requests,
    c.unmatched,
    c.unmatched / c.requests as share,
    case
        when c.vpc is null then 'VPC unknown'
        when c.vpc in (select f.vpc from logged_vpcs as f)
            then 'flow records missing'
        else 'no flow records of the VPC'
    end as reason,
    c.vpc,
    c.first_unmatched,
    c.last_unmatched,
    (select w.complete_until from watermarks as w where w.source = 'vpc_flow') as complete_until
from counted as c
where c.unmatched >= $min_unmatched
order by c.unmatched desc, c.caller, c.callee, c.leg, c.vpc
