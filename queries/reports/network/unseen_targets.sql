-- ---
-- title = "Targets that no flow record shows"
-- question = "Which addresses answer requests and appear in no flow record?"
-- about = """
-- Per target and window, in whole hours. Where the VPC has other flow records, the target's own interface has no flow log or
-- its records were not delivered; where it has none, the VPC has no flow log, and nobody would see who goes past the front
-- door there."""
-- [params]
-- since = { type = "timestamptz", about = "start of the window; its hour counts whole" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- [columns]
-- callee = { type = "varchar", about = "display name of the service that answers there" }
-- target_ip = { type = "varchar", about = "address" }
-- target_port = { type = "integer", about = "port" }
-- vpc = { type = "varchar", about = "VPC of the target; NULL where no log tells" }
-- requests = { type = "bigint", about = "requests that reached it in these hours" }
-- first_hour = { type = "timestamp with time zone", about = "first hour with a request" }
-- last_hour = { type = "timestamp with time zone", about = "last hour with a request" }
-- reason = { type = "varchar", about = "no flow records of the VPC, VPC unknown, or none of this address" }
-- complete_until = { type = "timestamp with time zone", about = "until when flow records are complete; NULL: there are none" }
-- ---
with answered as (
    select
        e.hour,
        e.vpc,
        e.ip,
        e.port,
        s.node,
        sum(e.sightings) as sightings
    from endpoint_hours as e
    inner join services as s
        on e.id = s.service
    where e.side = 'target'
        and e.ip not in (select n.ip from alb_nodes as n)
    group by e.hour, e.vpc, e.ip, e.port, s.node
    having sum(e.sightings) > 0
    union all
    select
        t.hour,
        v.vpc,
        t.ip,
        t.port,
        s.node,
        t.sightings
    from alb_targets as t
    inner join services as s
        on t.service = s.service
    left join address_vpcs as v
        on t.hour = v.hour
        and t.ip = v.ip
),

shown as (
    select
        f.hour,
        f.dst_ip,
        f.server_port,
        f.vpc,
        f.direction
    from flow_hours as f
    where f.hour >= hour_of($since)
        and f.hour < $until
        and (f.dst_ip, f.server_port) in (select (a.ip, a.port) from answered as a)
    group by all
    having sum(f.flows) > 0
),

logged_vpcs as (
    select f.vpc
    from flow_hours as f
    where f.hour >= hour_of($since)
        and f.hour < $until
    group by f.vpc
    having sum(f.flows) > 0
),

unseen as (
    select
        a.node,
        a.ip,
        a.port,
        a.vpc,
        sum(a.sightings) as requests,
        min(a.hour) as first_hour,
        max(a.hour) as last_hour
    from answered as a
    where a.hour >= hour_of($since)
        and a.hour < $until
        and a.ip is not null
        and not exists (
            select 1
            from shown as f
            where f.dst_ip = a.ip
                and f.server_port = a.port
                and f.hour = a.hour
                and (f.vpc = a.vpc or a.vpc is null or f.vpc is null or f.direction = 'egress')
        )
    group by all
)

select
    n.name as callee,
    u.ip as target_ip,
    u.port as target_port,
    u.vpc,
    u.requests::bigint as requests,
    u.first_hour,
    u.last_hour,
    case
        when u.vpc is null then 'VPC unknown'
        when u.vpc in (select f.vpc from logged_vpcs as f)
            then 'none of this address'
        else 'no flow records of the VPC'
    end as reason,
    (select w.complete_until from watermarks as w where w.source = 'vpc_flow') as complete_until
from unseen as u
inner join nodes as n
    on u.node = n.node
order by u.requests desc, n.name, u.ip, u.port, u.vpc
