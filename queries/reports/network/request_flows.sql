-- ---
-- title = "Requests and their flow records"
-- question = "Which flow records carried these requests, and how sure is that?"
-- about = """
-- Two legs a request: client (caller to front door) and target (front door to target). exact: address and port of the
-- caller, a front door as peer, and a flow that covers the request within 60 seconds. window: the front door's source port
-- is in no log, so address and port of the target, a front door as peer, and the time; or the client leg to a load balancer
-- from an address that several VPCs have. none: no such record; complete_until tells one that may still come. With
-- keep-alive one flow carries many requests."""
-- around_minutes = 11
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- only_caller = { type = "varchar", about = "display name of a caller; all when NULL" }
-- only_callee = { type = "varchar", about = "display name of a callee; all when NULL" }
-- only_request = { type = "varchar", about = "request_id (Lattice) or trace_id (load balancer) of one request; all when NULL" }
-- at_most = { type = "bigint", default = 200, about = "number of requests, the first ones" }
-- [columns]
-- time = { type = "timestamp with time zone", about = "the request's time" }
-- caller = { type = "varchar", about = "display name of the caller's node" }
-- callee = { type = "varchar", about = "display name of the callee's node" }
-- status = { type = "integer", about = "HTTP status the caller received" }
-- outcome = { type = "varchar", about = "as in requests" }
-- leg = { type = "varchar", about = "client or target; a request without a target has only the first" }
-- grade = { type = "varchar", about = "exact, window or none" }
-- from_address = { type = "varchar", about = "source address and port of the flow" }
-- to_address = { type = "varchar", about = "destination address and port of the flow" }
-- flow_from = { type = "timestamp with time zone", about = "first packet of the flow record" }
-- flow_until = { type = "timestamp with time zone", about = "last packet of it" }
-- action = { type = "varchar", about = "ACCEPT or REJECT" }
-- bytes = { type = "bigint", about = "bytes of the flow record, which may hold other requests too" }
-- interface_id = { type = "varchar", about = "interface that logged it" }
-- vpc = { type = "varchar", about = "VPC of that interface" }
-- traffic_path = { type = "integer", about = "as in flows" }
-- request_object = { type = "varchar", about = "source object of the request" }
-- request_line = { type = "integer", about = "line in it, from 1" }
-- flow_object = { type = "varchar", about = "source object of the flow record" }
-- flow_line = { type = "integer", about = "line in it, from 1" }
-- complete_until = { type = "timestamp with time zone", about = "until when flow records are complete; NULL: there are none" }
-- ---
with asked as (
    select
        r.time,
        r.caller,
        r.callee,
        r.status,
        r.outcome,
        r.front_door,
        split_part(r.service, '#', 1) as elb,
        r.caller_ip,
        r.caller_port,
        r.caller_vpc,
        r.target_ip,
        r.target_port,
        r.target_vpc,
        r.log_object,
        r.log_line
    from named_requests as r
    where r.time >= $since
        and r.time < $until
        and ($only_caller is null or r.caller = $only_caller)
        and ($only_callee is null or r.callee = $only_callee)
        -- The same of the service's id as logged, which the scan can tell before anything is looked up.
        and (
            $only_callee is null
            or $only_callee = 'unknown'
            or r.logged_service in (
                select s.service
                from service_names as s
                where s.name = $only_callee
                union all
                select g.elb
                from alb_target_groups as g
                inner join service_names as s
                    on g.service = s.service
                where s.name = $only_callee
                union all
                select $only_callee
            )
        )
        and ($only_request is null or r.request_id = $only_request or r.trace_id = $only_request)
    order by r.time, r.log_object, r.log_line
    limit $at_most
),

-- The VPC of a target behind a load balancer, as the view requests looks it up, for these alone; and a number that they are
-- known by below, where objects' names would be compared.
wanted as materialized (
    select
        a.* replace (coalesce(a.target_vpc, y.vpc, v.vpc) as target_vpc),
        row_number() over (order by a.time, a.log_object, a.log_line) as place
    from asked as a
    left join alb_target_vpcs as y
        on case when a.front_door = 'alb' then a.elb end = y.elb
        and a.target_ip = y.ip
        and hour_of(a.time) = y.hour
        and y.hour >= first_hour()
    left join address_vpcs as v
        on case when a.front_door = 'alb' then a.target_ip end = v.ip
        and hour_of(a.time) = v.hour
        and v.hour >= first_hour()
),

-- Records that begin a minute after the last of the requests are not looked at: where the first ones of a busy edge are
-- wanted, these are few. Read once for both legs.
near as materialized (
    select
        c.time,
        c.end_time,
        c.src_ip,
        c.src_port,
        c.dst_ip,
        c.dst_port,
        c.client_ip,
        c.server_ip,
        c.server_port,
        c.connection_direction,
        c.direction,
        c.protocol,
        c.action,
        c.bytes,
        c.interface_id,
        c.vpc,
        c.traffic_path,
        c.log_object,
        c.log_line
    from connections as c
    where c.time >= $since - interval 11 minutes
        and c.time < $until + interval 2 minutes
        and c.end_time >= $since - interval 60 seconds
        and c.time <= (select max(w.time) + interval 60 seconds from wanted as w)
        and (
            (c.src_ip, c.src_port) in (select (w.caller_ip, w.caller_port) from wanted as w)
            or (c.dst_ip, c.dst_port) in (select (w.target_ip, w.target_port) from wanted as w)
        )
),

-- As in flows, of these few records alone: what both ends logged counts once.
counted as materialized (
    select c.*
    from near as c
    anti join (
        select
            hour,
            src_ip,
            dst_ip,
            server_port,
            protocol
        from flow_hours
        where direction = 'egress'
            and action = 'ACCEPT'
            and hour >= hour_of($since - interval 11 minutes)
            and src_ip in (select client_ip from near)
        group by hour, src_ip, dst_ip, server_port, protocol
        having sum(flows) > 0
    ) as f
        on case when c.action = 'ACCEPT' and c.connection_direction = 'ingress' then c.client_ip end = f.src_ip
        and c.server_ip = f.dst_ip
        and c.server_port = f.server_port
        and c.protocol = f.protocol
        and hour_of(c.time) = f.hour
),

-- Each request with the records that could carry it, a leg at a time.
carried as (
    select
        w.place,
        'client' as leg,
        case
            when w.front_door = 'lattice' or w.caller_vpc is not null then 'exact'
            else 'window'
        end as grade,
        c.*
    from wanted as w
    inner join counted as c
        on w.caller_ip = c.src_ip
        and w.caller_port = c.src_port
        and w.time between c.time - interval 60 seconds and c.end_time + interval 60 seconds
    where (w.caller_vpc is null or c.vpc is null or w.caller_vpc = c.vpc or c.direction = 'ingress')
        and case
            when w.front_door = 'lattice' then is_lattice_address(c.dst_ip)
            else
                (w.elb, c.dst_ip) in (
                    select (n.elb, n.ip)
                    from alb_nodes as n
                    union all
                    select (n.elb, b.sibling)
                    from siblings as b
                    inner join alb_nodes as n
                        on b.ip = n.ip
                )
                or (w.elb, c.interface_id) in (select (i.elb, i.interface_id) from alb_interfaces as i)
        end
    union all
    select
        w.place,
        'target',
        'window',
        c.*
    from wanted as w
    inner join counted as c
        on w.target_ip = c.dst_ip
        and w.target_port = c.dst_port
        and w.time between c.time - interval 60 seconds and c.end_time + interval 60 seconds
    where (w.target_vpc is null or c.vpc is null or w.target_vpc = c.vpc)
        and case
            when w.front_door = 'lattice' then is_lattice_address(c.src_ip)
            else (w.elb, c.src_ip) in (select (n.elb, n.ip) from alb_nodes as n)
        end
),

legs as (
    select
        w.*,
        unnest(case when w.target_ip is null then ['client'] else ['client', 'target'] end) as leg
    from wanted as w
)

select
    l.time,
    l.caller,
    l.callee,
    l.status,
    l.outcome,
    l.leg,
    coalesce(m.grade, 'none') as grade,
    address_and_port(m.src_ip, m.src_port) as from_address,
    address_and_port(m.dst_ip, m.dst_port) as to_address,
    m.time as flow_from,
    m.end_time as flow_until,
    m.action,
    m.bytes,
    m.interface_id,
    m.vpc,
    m.traffic_path,
    l.log_object as request_object,
    l.log_line as request_line,
    m.log_object as flow_object,
    m.log_line as flow_line,
    (select w.complete_until from watermarks as w where w.source = 'vpc_flow') as complete_until
from legs as l
left join carried as m
    on l.place = m.place
    and l.leg = m.leg
order by l.place, l.leg, m.time, m.log_object, m.log_line
