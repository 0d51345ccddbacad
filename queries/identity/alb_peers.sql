-- The VPC of the clients of a load balancer: ALB logs do not say it, the flow record at the client's own interface does,
-- when the node's interface saw the same pair and port in that hour.
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
)

select
    c.hour,
    c.elb,
    c.src_ip as ip,
    min(f.vpc) as vpc
from clients as c
inner join flow_hours as f
    on c.hour = f.hour
    and c.src_ip = f.src_ip
    and c.dst_ip = f.dst_ip
    and c.server_port = f.server_port
where f.direction = 'egress'
    and f.vpc is not null
group by c.hour, c.elb, c.src_ip
having count(distinct f.vpc) = 1
