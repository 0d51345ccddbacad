-- The VPC of the targets of a load balancer, by the flow record of a connection from one of its nodes to the target's
-- port, at the target's own interface. A client of the same load balancer may have the same address in another VPC.
select
    t.hour,
    t.elb,
    t.ip,
    min(f.vpc) as vpc
from alb_targets as t
inner join alb_nodes as n
    on t.elb = n.elb
inner join flow_hours as f
    on t.hour = f.hour
    and n.ip = f.src_ip
    and t.ip = f.dst_ip
    and t.port = f.server_port
where f.direction = 'ingress'
    and f.vpc is not null
group by t.hour, t.elb, t.ip
having count(distinct f.vpc) = 1
