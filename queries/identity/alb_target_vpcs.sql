-- The VPC of the targets of a load balancer, by the flow record of a connection from one of its nodes to the target's
-- port, at the target's own interface. Where no interface shows it, the target is where its address is known to be, unless
-- flow records of that address exist: they would show it. NULL: not to be told.
with seen as (
    select
        t.hour,
        t.elb,
        t.ip,
        case when sum(f.flows) > 0 then f.vpc end as vpc
    from alb_targets as t
    inner join alb_nodes as n
        on t.elb = n.elb
    left join flow_hours as f
        on t.hour = f.hour
        and n.ip = f.src_ip
        and t.ip = f.dst_ip
        and t.port = f.server_port
        and f.direction = 'ingress'
        and f.vpc is not null
    group by t.hour, t.elb, t.ip, f.vpc
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
