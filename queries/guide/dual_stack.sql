-- ---
-- title = "Dual-stack, and no NAT between services"
-- question = "Which calls still use IPv4, go through NAT or leave by a gateway, and where is IPv6 refused?"
-- place = 11
-- practice = """
-- Service-to-service traffic is dual-stack from the start. Over IPv6 it needs no NAT gateway and pays none; every security group
-- needs a rule for each address family."""
-- reference = "https://aws.github.io/aws-networking-best-practices/application-networking/service-to-service/#ipv6-for-service-to-service-communication"
-- about = """
-- Requests per caller and callee: those over IPv6 follow. Before them, and not counted, what stands in the way: internal
-- connections through NAT (an interface passed them on under its own address), internal connections that left by an internet
-- gateway (traffic_path 2 or 8), and services where IPv6 was rejected and IPv4 accepted on the same port."""
-- blind = """
-- The caller's leg alone: whether a front door reaches its targets over IPv6 does not count. A caller that could use IPv6 and
-- prefers IPv4 looks like one that cannot. NAT is seen only where the NAT's own interface is in a flow log with packet
-- addresses; traffic_path needs the field in the flow log's format."""
-- action = """
-- ipv6_refused: add the IPv6 rule to the security group. through_nat: give the callers IPv6 addresses, or a path without NAT to
-- the front door. ipv4_only: make service and alias records dual-stack (AAAA beside A)."""
-- says = "{share:.1%} of {counted:,.0f} calls use IPv6"
-- unit = "requests"
-- sources = ["lattice_access", "alb_access", "vpc_flow"]
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- min_rejects = { type = "bigint", default = 3, about = "rejected flow records from which IPv6 is refused" }
-- followed_from = { type = "double", default = 0.9, about = "share over IPv6 from which the practice is followed" }
-- partly_from = { type = "double", default = 0.1, about = "share from which it is partly followed" }
-- [columns]
-- subject = { type = "varchar", about = "caller -> callee; what stands in the way: client -> destination, or the service" }
-- reason = { type = "varchar", about = "ipv6_refused, through_nat, leaves_by_gateway or ipv4_only; NULL when all is IPv6" }
-- followed = { type = "double", about = "requests over IPv6" }
-- counted = { type = "double", about = "requests; 0 for what stands in the way" }
-- share = { type = "double", about = "followed / counted; NULL for what stands in the way" }
-- verdict = { type = "varchar", about = "followed, partly or not followed" }
-- finding = { type = "varchar", about = "what does not follow, in words" }
-- flows = { type = "bigint", about = "flow records of what stands in the way" }
-- bytes = { type = "bigint", about = "bytes of them" }
-- interface_id = { type = "varchar", about = "the NAT's interface", wide = true }
-- vpc = { type = "varchar", about = "VPC of the client or service", wide = true }
-- ---
with edges as (
    select
        c.caller,
        c.callee,
        sum(c.requests) as requests,
        coalesce(sum(c.requests) filter (c.ip_version = 6), 0) as over_ipv6
    from window_calls($since, $until) as c
    where c.ip_version is not null
    group by c.caller, c.callee
    having sum(c.requests) > 0
),

-- Addresses of ours in an hour, and what they are called.
internal as (
    select
        a.hour,
        a.vpc,
        a.ip,
        a.name
    from address_names as a
    where a.hour >= hour_of($since)
        and a.hour < $until
),

balancers as (
    select
        n.ip,
        min(coalesce(s.name, split_part(n.elb, '/', 2))) as name
    from alb_nodes as n
    left join service_names as s
        on n.elb = s.service
    group by n.ip
),

behind_nat as (
    select
        p.client,
        p.destination,
        p.vpc,
        p.interface_id,
        sum(p.flows) as flows,
        sum(p.bytes) as bytes
    from (
        select
            coalesce(c.name, key_name(coalesce(n.vpc, '') || '/' || n.client_ip)) as client,
            case
                when is_lattice_address(n.dst_ip) then 'VPC Lattice'
                else coalesce(b.name, d.name)
            end as destination,
            n.vpc,
            n.interface_id,
            n.flows,
            n.bytes
        from nat_paths($since, $until) as n
        left join internal as c
            on n.hour = c.hour
            and n.vpc = c.vpc
            and n.client_ip = c.ip
        left join balancers as b
            on n.dst_ip = b.ip
        left join internal as d
            on n.hour = d.hour
            and n.vpc = d.vpc
            and n.dst_ip = d.ip
    ) as p
    where p.destination is not null
    group by p.client, p.destination, p.vpc, p.interface_id
),

by_gateway as (
    select
        p.client,
        p.destination,
        p.vpc,
        sum(p.flows) as flows,
        sum(p.bytes) as bytes
    from (
        select
            coalesce(c.name, key_name(coalesce(f.vpc, '') || '/' || f.src_ip)) as client,
            coalesce(b.name, d.name) as destination,
            f.vpc,
            f.flows,
            f.bytes
        from flow_hours as f
        left join internal as c
            on f.hour = c.hour
            and f.vpc = c.vpc
            and f.src_ip = c.ip
        left join balancers as b
            on f.dst_ip = b.ip
        left join internal as d
            on f.hour = d.hour
            and f.dst_ip = d.ip
        where f.direction = 'egress'
            and f.action = 'ACCEPT'
            and f.traffic_path in (2, 8)
            and f.hour >= hour_of($since)
            and f.hour < $until
    ) as p
    where p.destination is not null
    group by p.client, p.destination, p.vpc
),

answering as (
    select
        coalesce(d.name, f.interface_id) as destination,
        f.vpc,
        f.server_port,
        coalesce(sum(f.flows) filter (f.action = 'REJECT' and ip_version(f.dst_ip) = 6), 0) as refused,
        coalesce(sum(f.bytes) filter (f.action = 'REJECT' and ip_version(f.dst_ip) = 6), 0) as bytes,
        coalesce(sum(f.flows) filter (f.action = 'ACCEPT' and ip_version(f.dst_ip) = 4), 0) as accepted
    from flow_hours as f
    left join internal as d
        on f.hour = d.hour
        and f.vpc = d.vpc
        and f.dst_ip = d.ip
    where coalesce(f.direction, 'ingress') = 'ingress'
        and f.server_port is not null
        and f.hour >= hour_of($since)
        and f.hour < $until
    group by all
),

judged as (
    select
        a.destination || ' port ' || a.server_port as subject,
        'ipv6_refused' as reason,
        0 as over_ipv6,
        0 as requests,
        'IPv6 rejected ' || counted_text(a.refused) || ' times where IPv4 is accepted' as finding,
        a.refused as flows,
        a.bytes,
        null as interface_id,
        a.vpc
    from answering as a
    where a.refused >= $min_rejects
        and a.accepted > 0
    union all
    select
        n.client || ' -> ' || n.destination,
        'through_nat',
        0,
        0,
        'through NAT at ' || n.interface_id || ', ' || counted_text(n.flows) || ' flows',
        n.flows,
        n.bytes,
        n.interface_id,
        n.vpc
    from behind_nat as n
    union all
    select
        g.client || ' -> ' || g.destination,
        'leaves_by_gateway',
        0,
        0,
        'leaves by an internet gateway, ' || counted_text(g.flows) || ' flows',
        g.flows,
        g.bytes,
        null,
        g.vpc
    from by_gateway as g
    union all
    select
        e.caller || ' -> ' || e.callee,
        case when e.over_ipv6 < e.requests then 'ipv4_only' end,
        e.over_ipv6,
        e.requests,
        case
            when e.over_ipv6 = 0 then 'all ' || counted_text(e.requests) || ' requests over IPv4'
            when e.over_ipv6 < e.requests
                then counted_text(e.requests - e.over_ipv6) || ' of ' || counted_text(e.requests) || ' requests over IPv4'
        end,
        null,
        null,
        null,
        null
    from edges as e
)

select
    j.subject,
    j.reason,
    j.over_ipv6::double as followed,
    j.requests::double as counted,
    j.over_ipv6 / nullif(j.requests, 0) as share,
    case
        when j.requests = 0 then 'not followed'
        else practice_verdict(j.over_ipv6, j.requests, $followed_from, $partly_from)
    end as verdict,
    j.finding,
    j.flows::bigint as flows,
    j.bytes::bigint as bytes,
    j.interface_id,
    j.vpc
from judged as j
order by
    array_position(['ipv6_refused', 'through_nat', 'leaves_by_gateway', 'ipv4_only'], j.reason) nulls last,
    j.flows desc,
    j.requests - j.over_ipv6 desc,
    j.subject,
    j.interface_id
