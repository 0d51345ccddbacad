-- The VPC of the clients and targets of a load balancer: ALB logs do not say it, the flow record at the peer's own
-- interface does. A client's connection counts when the node's interface saw the same pair and port in that hour, a
-- target's when it is to the target's port.
with clients as (
    select distinct
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
),

evidence as (
    select
        c.hour,
        c.elb,
        c.src_ip as ip,
        f.vpc
    from clients as c
    inner join flow_hours as f
        on c.hour = f.hour
        and c.src_ip = f.src_ip
        and c.dst_ip = f.dst_ip
        and c.server_port = f.server_port
    where f.direction = 'egress'
    union all
    select
        t.hour,
        t.elb,
        t.ip,
        f.vpc
    from alb_targets as t
    inner join alb_nodes as n
        on t.elb = n.elb
    inner join flow_hours as f
        on t.hour = f.hour
        and n.ip = f.src_ip
        and t.ip = f.dst_ip
        and t.port = f.server_port
    where f.direction = 'ingress'
)

select
    hour,
    elb,
    ip,
    min(vpc) as vpc
from evidence
where vpc is not null
group by hour, elb, ip
having count(distinct vpc) = 1
