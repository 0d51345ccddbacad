-- ---
-- title = "Past the front door"
-- question = "Which accepted flows went straight to a target that is otherwise reached through Lattice or a load balancer?"
-- about = """
-- The client is neither Lattice nor a node of the load balancer, and a front door (or its health check) connected to the
-- same address and port within live_minutes, so an address that a deploy gave to something else does not count. The check
-- of that name watches the same. Without flow records of the target's VPC nothing is found: see complete_until."""
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- min_flows = { type = "bigint", default = 3, about = "accepted flow records, at least" }
-- live_minutes = { type = "bigint", default = 10, about = "a front door connected to the target this near to the flow" }
-- [columns]
-- caller = { type = "varchar", about = "client's display name" }
-- callee = { type = "varchar", about = "display name of the service that answers at the target" }
-- flows = { type = "bigint", about = "accepted flow records past the front door" }
-- bytes = { type = "bigint", about = "bytes of these, in both directions" }
-- calls = { type = "bigint", about = "requests of that caller to that service through a front door in the window" }
-- denied = { type = "bigint", about = "of these, refused there" }
-- first_seen = { type = "timestamp with time zone", about = "first of the flows" }
-- last_seen = { type = "timestamp with time zone", about = "end of the last one" }
-- client_ips = { type = "varchar[]", about = "addresses of the client, at most 10" }
-- targets = { type = "varchar[]", about = "ip:port of the targets, at most 10" }
-- vpc = { type = "varchar", about = "VPC of the target" }
-- caller_principal = { type = "varchar", about = "role seen at its addresses, where there is one alone" }
-- complete_until = { type = "timestamp with time zone", about = "until when flow records are complete; NULL: there are none" }
-- ---
with fronted as (
    select
        e.hour,
        e.vpc,
        e.ip,
        e.port,
        s.node
    from endpoint_hours as e
    inner join services as s
        on e.id = s.service
    where e.side = 'target'
        and e.hour >= date_trunc('hour', $since) - interval 1 hour
        and e.id not in (select t.service from seen_through as t)
    union
    select
        t.hour,
        p.vpc,
        t.ip,
        t.port,
        s.node
    from alb_targets as t
    inner join services as s
        on t.service = s.service
    left join alb_peers as p
        on t.hour = p.hour
        and t.elb = p.elb
        and t.ip = p.ip
    where t.hour >= date_trunc('hour', $since) - interval 1 hour
),

-- At the target's own interface: there the record's VPC is the target's, so overlapping CIDRs stay apart.
arrivals as (
    select
        date_trunc('minute', time) as minute,
        vpc,
        client_ip,
        server_ip,
        server_port,
        count(*) as flows,
        sum(bytes) as bytes,
        min(time) as first_at,
        max(end_time) as last_at,
        arg_max(log_object, (end_time, log_object, log_line)) as log_object,
        arg_max(log_line, (end_time, log_object, log_line)) as log_line
    from connections
    where time >= $since
        and time < $until
        and action = 'ACCEPT'
        and protocol = 6
        and coalesce(connection_direction, 'ingress') = 'ingress'
        and client_ip <> server_ip
    group by all
),

at_targets as (
    select
        a.*,
        list(distinct f.node order by f.node) as nodes,
        bool_or(
            case
                when n.elb is not null then n.elb = split_part(f.node, '#', 1)
                else is_lattice_address(a.client_ip)
            end
        ) as by_front_door
    from arrivals as a
    inner join fronted as f
        on a.server_ip = f.ip
        and a.server_port = f.port
        and (a.vpc = f.vpc or a.vpc is null or f.vpc is null)
        and date_trunc('hour', a.minute) between f.hour and f.hour + interval 1 hour
    left join alb_nodes as n
        on a.client_ip = n.ip
    group by all
),

direct as (
    select
        d.*,
        date_trunc('hour', d.minute) as hour
    from at_targets as d
    where not d.by_front_door
        and exists (
            select 1
            from at_targets as f
            where f.by_front_door
                and f.vpc is not distinct from d.vpc
                and f.server_ip = d.server_ip
                and f.server_port = d.server_port
                and f.minute between d.minute - to_minutes($live_minutes) and d.minute + to_minutes($live_minutes)
        )
),

-- An address that went from one service's target to another's: whoever's request to it is the nearest in time.
answering as (
    select
        d.vpc,
        d.client_ip,
        d.server_ip,
        d.server_port,
        d.minute,
        arg_min(s.node, abs(epoch(r.time) - epoch(d.minute))) as node
    from direct as d
    inner join requests as r
        on d.server_ip = r.target_ip
        and d.server_port = r.target_port
        and (d.vpc = r.target_vpc or r.target_vpc is null)
    inner join services as s
        on r.service = s.service
        and list_contains(d.nodes, s.node)
    where len(d.nodes) > 1
        and r.time >= $since
        and r.time < $until
    group by all
),

-- A client's address that several VPCs have is in the target's: there is no route between overlapping ranges.
named as (
    select
        d.*,
        coalesce(w.node, d.nodes[1]) as service,
        coalesce(v.vpc, d.vpc) as client_vpc
    from direct as d
    left join answering as w
        on d.vpc is not distinct from w.vpc
        and d.client_ip = w.client_ip
        and d.server_ip = w.server_ip
        and d.server_port = w.server_port
        and d.minute = w.minute
    left join address_vpcs as v
        on d.client_ip = v.ip
        and d.hour = v.hour
),

found as (
    select
        coalesce(a.node, coalesce(d.client_vpc, '') || '/' || d.client_ip) as client,
        coalesce(any_value(a.name), key_name(any_value(coalesce(d.client_vpc, '') || '/' || d.client_ip))) as caller,
        d.service,
        sum(d.flows) as flows,
        sum(d.bytes) as bytes,
        any_value(d.vpc) as vpc,
        list(distinct d.client_ip order by d.client_ip)[:10] as client_ips,
        list(distinct d.server_ip || ':' || d.server_port order by d.server_ip || ':' || d.server_port)[:10] as targets,
        min(d.first_at) as first_at,
        max(d.last_at) as last_at,
        arg_max(d.log_object, d.last_at) as log_object,
        arg_max(d.log_line, d.last_at) as log_line
    from named as d
    left join address_names as a
        on d.client_vpc = a.vpc
        and d.client_ip = a.ip
        and d.hour = a.hour
    group by client, d.service
    having sum(d.flows) >= $min_flows
        and client <> d.service
)

select
    f.caller,
    coalesce(n.name, f.service) as callee,
    f.flows::bigint as flows,
    f.bytes::bigint as bytes,
    coalesce(c.requests, 0)::bigint as calls,
    coalesce(c.denied, 0)::bigint as denied,
    f.first_at as first_seen,
    f.last_at as last_seen,
    f.client_ips,
    f.targets,
    f.vpc,
    p.principal as caller_principal,
    (select w.complete_until from watermarks as w where w.source = 'vpc_flow') as complete_until
from found as f
left join nodes as n
    on f.service = n.node
left join (
    select
        node,
        case when count(*) = 1 then any_value(principal) end as principal
    from principals
    group by node
) as p
    on f.client = p.node
left join (
    select
        caller,
        callee,
        sum(requests) as requests,
        sum(denied) as denied
    from calls
    where minute >= $since
        and minute < $until
    group by caller, callee
) as c
    on f.caller = c.caller
    and n.name = c.callee
order by f.flows desc, f.caller, callee
