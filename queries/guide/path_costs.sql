-- ---
-- title = "Know what a path costs"
-- question = "What does each edge cost a month over the path it takes, and over the others?"
-- place = 12
-- practice = """
-- The cheapest path depends on two things: how many VPCs call, and how much traffic. Lattice charges hours, GB and requests,
-- PrivateLink endpoints by zone and hour, Transit Gateway attachments and every GB, peering only what crosses zones; NAT comes on
-- top of any of them."""
-- reference = "https://aws.github.io/aws-networking-best-practices/application-networking/service-to-service/#cost-considerations-for-cross-vpc-service-access"
-- about = """
-- Requests and bytes of each edge, extrapolated to a month of 730 hours from the time with data, times the prices of
-- prices.toml. Hours are shared out by requests: a Lattice service's and a load balancer's among its callers, an endpoint's among
-- the callers of its VPC, an attachment's among the edges that cross its VPC's border, a NAT gateway's (one a VPC) among the callers of
-- that VPC. Transit Gateway, peering and the path inside a VPC include an internal load balancer, PrivateLink a Network Load
-- Balancer in front of the service. An edge goes through NAT when an address of its caller is a NAT's. counted is what the present
-- path costs, followed what the cheapest would."""
-- blind = """
-- Bytes are those of requests and responses, without the network's headers. Not in it: discounts, load-balancer capacity beyond
-- GB, what the change itself costs, and what a path brings besides (Lattice: authorisation, names, logs; an attachment that is
-- there anyway costs only its GB). Between zones only peering and the path inside a VPC pay, as the guide's table has it. Where a load
-- balancer is reached across VPCs and no flow record says over what, the present path is unknown and does not count."""
-- action = """
-- Look at the edges first whose present path costs most above the cheapest. Change the price file for your region and contract
-- before deciding anything; change the path only with what else it brings in view."""
-- says = "USD {counted:,.2f} a month as it is, USD {followed:,.2f} by the cheapest paths"
-- unit = "USD a month"
-- sources = ["lattice_access", "alb_access", "vpc_flow"]
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- assumed_zones = { type = "bigint", default = 2, about = "zones of a PrivateLink endpoint where flow records show none of the VPC" }
-- assumed_cross_zone = { type = "double", default = 0.67, about = "share of bytes between zones where flow records cannot tell" }
-- followed_from = { type = "double", default = 0.8, about = "cheapest / present from which the practice is followed" }
-- partly_from = { type = "double", default = 0.5, about = "cheapest / present from which it is partly followed" }
-- [columns]
-- subject = { type = "varchar", about = "caller -> callee" }
-- reason = { type = "varchar", about = "cheaper_path or nat; NULL when the present path is the cheapest, or unknown" }
-- followed = { type = "double", about = "cost by the cheapest path a month; 0 where the present path is unknown" }
-- counted = { type = "double", about = "cost by the present path a month; 0 where it is unknown" }
-- share = { type = "double", about = "followed / counted; NULL where the present path is unknown" }
-- verdict = { type = "varchar", about = "followed, partly or not followed" }
-- finding = { type = "varchar", about = "what would be saved and how; NULL when nothing" }
-- path = { type = "varchar", about = "the present one: lattice, load_balancer (in one VPC), peering; NULL: unknown" }
-- cheapest_path = { type = "varchar", about = "lattice, privatelink, transit_gateway, peering or load_balancer" }
-- requests_month = { type = "double", about = "requests a month" }
-- gb_month = { type = "double", about = "GB a month, both directions" }
-- cross_zone_share = { type = "double", about = "share of bytes between zones, 0 to 1" }
-- usd_lattice = { type = "double", about = "a month over Lattice" }
-- usd_privatelink = { type = "double", about = "over PrivateLink; NULL within one VPC" }
-- usd_transit_gateway = { type = "double", about = "over Transit Gateway; NULL within one VPC, or where addresses overlap" }
-- usd_peering = { type = "double", about = "over peering, within one VPC over its load balancer; NULL where addresses overlap" }
-- usd_nat = { type = "double", about = "what NAT in front of any of them adds" }
-- through_nat = { type = "boolean", about = "whether it goes through NAT now" }
-- assumption = { type = "varchar", about = "what the numbers of this edge rest on" }
-- caller_vpc = { type = "varchar", about = "VPC of the caller", wide = true }
-- callee_vpc = { type = "varchar", about = "VPC of the callee", wide = true }
-- ---
with calls_made as (
    select
        c.*,
        v.vpc as callee_vpc
    from window_calls($since, $until) as c
    left join called_vpcs($since, $until) as v
        on c.service = v.service
    where c.called is not null
),

span as (
    select
        greatest(epoch(least($until, max(m.minute) + interval 1 minute)) - epoch(greatest($since, min(m.minute))), 60) / 3600 as hours
    from call_counts as m
    where m.minute >= $since
        and m.minute < $until
),

months as (
    select
        c.caller,
        c.callee,
        c.callee_node,
        c.front_door,
        arg_max(c.vpc, (c.requests, c.vpc)) as caller_vpc,
        arg_max(c.callee_vpc, (c.requests, c.callee_vpc)) as callee_vpc,
        arg_max(c.service, (c.requests, c.service)) as service,
        max(c.ip) as caller_ip,
        max(c.caller_principal) as principal,
        sum(c.requests) * 730 / any_value(s.hours) as requests,
        sum(c.bytes_in + c.bytes_out) / 1e9 * 730 / any_value(s.hours) as gb
    from calls_made as c
    cross join span as s
    group by c.caller, c.callee, c.callee_node, c.front_door
    having sum(c.requests) > 0
),

-- What of a service's requests is beyond the free ones of its hour.
chargeable as (
    select
        h.callee_node,
        sum(greatest(h.requests - p.lattice_free_requests_hour, 0)) / sum(h.requests) as share
    from (
        select
            callee_node,
            hour,
            sum(requests) as requests
        from calls_made
        group by callee_node, hour
        having sum(requests) > 0
    ) as h
    cross join prices as p
    group by h.callee_node
),

interfaces as (
    select
        interface_id,
        any_value(az_id) as az
    from vpc_flow
    where start_time >= $since
        and start_time < $until
        and az_id is not null
    group by interface_id
),

zoned as (
    select
        f.vpc,
        f.hour,
        case when f.direction = 'egress' then f.src_ip else f.dst_ip end as ip,
        i.az,
        sum(f.flows) as flows
    from flow_hours as f
    inner join interfaces as i
        on f.interface_id = i.interface_id
    where f.direction is not null
        and f.hour >= hour_of($since)
        and f.hour < $until
    group by all
),

zones as (
    select
        z.vpc,
        count(distinct z.az) as n
    from zoned as z
    group by z.vpc
),

node_zones as (
    select
        a.name,
        z.az,
        sum(z.flows) / sum(sum(z.flows)) over (partition by a.name) as share
    from zoned as z
    inner join address_names as a
        on z.hour = a.hour
        and z.vpc = a.vpc
        and z.ip = a.ip
    group by a.name, z.az
),

same_zone as (
    select
        m.caller,
        m.callee,
        m.front_door,
        coalesce(sum(x.share * y.share), 0) as share
    from months as m
    inner join node_zones as x
        on m.caller = x.name
    left join node_zones as y
        on m.callee = y.name
        and x.az = y.az
    where m.callee in (select k.name from node_zones as k)
    group by m.caller, m.callee, m.front_door
),

-- Where one address is in two VPCs, neither peering nor a transit gateway can route between them.
overlapping as (
    select distinct
        e.vpc,
        o.vpc as other_vpc
    from (select distinct vpc, ip from endpoint_hours where vpc is not null) as e
    inner join (select distinct vpc, ip from endpoint_hours where vpc is not null) as o
        on e.ip = o.ip
        and e.vpc <> o.vpc
    where not is_lattice_address(e.ip)
),

peered as (
    select distinct
        f.vpc,
        n.elb
    from flow_hours as f
    inner join alb_nodes as n
        on f.dst_ip = n.ip
    where f.direction = 'egress'
        and f.traffic_path = 4
        and f.hour >= hour_of($since)
        and f.hour < $until
),

natted as (
    select distinct
        n.vpc,
        n.nat_ip as ip
    from nat_paths($since, $until) as n
),

natted_principals as (
    select distinct s.principal
    from sources as s
    inner join natted as n
        on s.vpc = n.vpc
        and s.ip = n.ip
    where s.hour >= hour_of($since)
        and s.hour < $until
),

placed as (
    select
        m.*,
        m.requests / sum(m.requests) over (partition by m.callee_node) as of_service,
        m.requests / sum(m.requests) over (partition by m.caller_vpc, m.callee_node) as of_endpoint,
        m.requests / sum(m.requests) over (partition by m.caller_vpc) as of_vpc,
        m.caller_vpc = m.callee_vpc as in_one_vpc,
        (m.caller_vpc, m.callee_vpc) in (select (o.vpc, o.other_vpc) from overlapping as o) as overlaps,
        case
            when m.front_door = 'lattice' then 'lattice'
            when m.caller_vpc = m.callee_vpc then 'load_balancer'
            when (m.caller_vpc, m.service) in (select (p.vpc, p.elb) from peered as p) then 'peering'
        end as path,
        (m.principal in (select n.principal from natted_principals as n))
            or ((m.caller_vpc, m.caller_ip) in (select (n.vpc, n.ip) from natted as n)) as through_nat,
        coalesce(z.n, $assumed_zones) as zones,
        z.n is null as zones_assumed,
        coalesce(1 - s.share, $assumed_cross_zone) as cross_zone,
        s.share is null as cross_zone_assumed,
        coalesce(c.share, 0) as chargeable
    from months as m
    left join zones as z
        on m.caller_vpc = z.vpc
    left join same_zone as s
        on m.caller = s.caller
        and m.callee = s.callee
        and m.front_door = s.front_door
    left join chargeable as c
        on m.callee_node = c.callee_node
),

-- Requests of the edges that cross a VPC's border, which share its attachment.
borders as (
    select
        vpc,
        sum(requests) as requests
    from (
        select
            unnest([p.caller_vpc, p.callee_vpc]) as vpc,
            p.requests
        from placed as p
        where not p.in_one_vpc
    )
    group by vpc
),

priced as (
    select
        l.*,
        730 * p.lattice_service_hour * l.of_service
            + l.gb * p.lattice_gb
            + l.requests * l.chargeable / 1e6 * p.lattice_million_requests as usd_lattice,
        case
            when not l.in_one_vpc then
                730 * l.zones * p.privatelink_endpoint_hour * l.of_endpoint
                + l.gb * p.privatelink_gb
                + 730 * p.load_balancer_hour * l.of_service
                + l.gb * p.network_load_balancer_gb
        end as usd_privatelink,
        case
            when not l.in_one_vpc and not l.overlaps then
                730 * p.transit_gateway_attachment_hour * (l.requests / b.requests + l.requests / d.requests)
                + l.gb * p.transit_gateway_gb
                + 730 * p.load_balancer_hour * l.of_service
                + l.gb * p.application_load_balancer_gb
        end as usd_transit_gateway,
        case
            when not coalesce(l.overlaps, false) then
                l.gb * l.cross_zone * p.cross_zone_gb
                + 730 * p.load_balancer_hour * l.of_service
                + l.gb * p.application_load_balancer_gb
        end as usd_peering,
        730 * p.nat_gateway_hour * l.of_vpc + l.gb * p.nat_gateway_gb as usd_nat
    from placed as l
    cross join prices as p
    left join borders as b
        on l.caller_vpc = b.vpc
    left join borders as d
        on l.callee_vpc = d.vpc
),

compared as (
    select
        *,
        case path
            when 'lattice' then usd_lattice
            else case when path is not null then usd_peering end
        end + case when through_nat then usd_nat else 0 end as usd_present,
        least(usd_lattice, usd_privatelink, usd_transit_gateway, usd_peering) as usd_cheapest,
        case least(usd_lattice, usd_privatelink, usd_transit_gateway, usd_peering)
            when usd_peering then case when in_one_vpc then 'load_balancer' else 'peering' end
            when usd_privatelink then 'privatelink'
            when usd_transit_gateway then 'transit_gateway'
            else 'lattice'
        end as cheapest_path
    from priced
),

judged as (
    select
        *,
        -- least() leaves NULLs out: of an unknown present path there is nothing to say.
        case when usd_present is not null then least(usd_cheapest, usd_present) end as usd_best
    from compared
)

select
    c.caller || ' -> ' || c.callee as subject,
    case
        when c.usd_cheapest >= c.usd_present then null
        when c.through_nat and c.path = c.cheapest_path then 'nat'
        when c.path is not null then 'cheaper_path'
    end as reason,
    coalesce(c.usd_best, 0)::double as followed,
    coalesce(c.usd_present, 0)::double as counted,
    c.usd_best / nullif(c.usd_present, 0) as share,
    practice_verdict(c.usd_best, c.usd_present, $followed_from, $partly_from) as verdict,
    case
        when c.usd_cheapest < c.usd_present then format('{:,.2f}', c.usd_present) || ' a month over ' || replace(c.path, '_', ' ')
            || case when c.through_nat then ' and NAT' else '' end || ', ' || format('{:,.2f}', c.usd_cheapest) || ' over '
            || replace(c.cheapest_path, '_', ' ')
    end as finding,
    c.path,
    c.cheapest_path,
    c.requests::double as requests_month,
    c.gb::double as gb_month,
    c.cross_zone::double as cross_zone_share,
    c.usd_lattice::double as usd_lattice,
    c.usd_privatelink::double as usd_privatelink,
    c.usd_transit_gateway::double as usd_transit_gateway,
    c.usd_peering::double as usd_peering,
    c.usd_nat::double as usd_nat,
    coalesce(c.through_nat, false) as through_nat,
    c.zones || ' zones' || case when c.zones_assumed then ' (assumed)' else '' end || ', ' || percent_text(c.cross_zone) || ' between zones'
        || case when c.cross_zone_assumed then ' (assumed)' else '' end
        || case
            when c.in_one_vpc then ', one VPC'
            when c.overlaps then ', overlapping addresses: no route'
            when c.in_one_vpc is null then ', VPC unknown'
            else ''
        end as assumption,
    c.caller_vpc,
    c.callee_vpc
from judged as c
order by coalesce(c.usd_present - c.usd_cheapest, 0) desc, c.usd_present desc nulls last, subject, c.front_door
