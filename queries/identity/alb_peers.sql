-- The VPC of the clients of a load balancer: ALB logs do not say it, the flow record at the client's own interface does,
-- when the node's interface saw the same pair and port in that hour. Where no interface shows the pair, the client is where
-- its address is known to be, unless flow records of that address exist: they would show it. NULL: not to be told.
with clients as (
    select
        i.elb,
        f.hour,
        f.src_ip,
        f.dst_ip,
        f.server_port
    from flow_hours as f
    inner join alb_interfaces as i
        on f.interface_id = i.interface_id
        and f.dst_ip = i.ip
    where f.direction = 'ingress'
    group by all
    having sum(f.flows) > 0
),

seen as (
    select
        c.hour,
        c.elb,
        c.src_ip as ip,
        case when sum(f.flows) > 0 then f.vpc end as vpc
    from clients as c
    left join flow_hours as f
        on c.hour = f.hour
        and c.src_ip = f.src_ip
        and c.dst_ip = f.dst_ip
        and c.server_port = f.server_port
        and f.direction = 'egress'
        and f.vpc is not null
    group by c.hour, c.elb, c.src_ip, f.vpc
),

shown as (
    select
        hour,
        elb,
        ip,
        min(vpc) as vpc,
        max(vpc) as other_vpc
    from seen
    group by hour, elb, ip
    having is_private(ip)
        or count(vpc) > 0
)

select
    s.hour,
    s.elb,
    s.ip,
    case
        when s.vpc = s.other_vpc then s.vpc
        when s.vpc is null and (v.hour, v.vpc, v.ip) not in (select (a.hour, a.vpc, a.ip) from interface_addresses as a)
            then v.vpc
    end as vpc
from shown as s
left join known_vpcs as v
    on s.hour = v.hour
    and s.ip = v.ip
