-- Accepted connections straight to a target, past its front door, in [begin_at, end_at): one row a client and service with
-- at least least_flows records. The address and port must be a target's at that time: a front door connected to it
-- within live_minutes.
create or replace temp macro direct_connections(begin_at, end_at, least_flows, live_minutes) as table
with fronted as (
    select
        e.hour,
        e.vpc,
        e.ip,
        e.port,
        s.node,
        null as elb
    from endpoint_hours as e
    inner join services as s
        on e.id = s.service
    where e.side = 'target'
        and e.hour >= date_trunc('hour', begin_at) - interval 1 hour
        and e.id not in (select t.service from seen_through as t)
    group by e.hour, e.vpc, e.ip, e.port, s.node
    having sum(e.sightings) > 0
    union
    select
        t.hour,
        p.vpc,
        t.ip,
        t.port,
        s.node,
        t.elb
    from alb_targets as t
    inner join services as s
        on t.service = s.service
    left join alb_target_vpcs as p
        on t.hour = p.hour
        and t.elb = p.elb
        and t.ip = p.ip
    where t.hour >= date_trunc('hour', begin_at) - interval 1 hour
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
    where time >= begin_at
        and time < end_at
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
                when n.elb is not null then n.elb is not distinct from f.elb
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
                and f.minute between d.minute - to_minutes(live_minutes) and d.minute + to_minutes(live_minutes)
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
        arg_min(s.node, (abs(epoch(r.time) - epoch(d.minute)), s.node)) as node
    from direct as d
    inner join requests as r
        on d.server_ip = r.target_ip
        and d.server_port = r.target_port
        and (d.vpc = r.target_vpc or r.target_vpc is null)
    inner join services as s
        on r.service = s.service
        and list_contains(d.nodes, s.node)
    where len(d.nodes) > 1
        and r.time >= begin_at
        and r.time < end_at
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
        arg_max(d.vpc, (d.last_at, d.log_object, d.log_line)) as vpc,
        list(distinct d.client_ip order by d.client_ip)[:10] as client_ips,
        list(distinct address_and_port(d.server_ip, d.server_port) order by address_and_port(d.server_ip, d.server_port))[:10] as targets,
        min(d.first_at) as first_at,
        max(d.last_at) as last_at,
        arg_max(d.log_object, (d.last_at, d.log_object, d.log_line)) as log_object,
        arg_max(d.log_line, (d.last_at, d.log_object, d.log_line)) as log_line
    from named as d
    left join address_names as a
        on d.client_vpc = a.vpc
        and d.client_ip = a.ip
        and d.hour = a.hour
    group by client, d.service
    having sum(d.flows) >= least_flows
        and client <> d.service
)

select
    f.client,
    f.caller,
    p.principal as caller_principal,
    coalesce(n.name, f.service) as callee,
    f.service,
    f.flows::bigint as flows,
    f.bytes::bigint as bytes,
    f.vpc,
    f.client_ips,
    f.targets,
    f.first_at,
    f.last_at,
    f.log_object,
    f.log_line
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
    on f.client = p.node;
