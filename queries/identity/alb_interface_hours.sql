-- The network interfaces of the load balancers' nodes, per hour: those from whose address the load balancer's own targets were
-- connected to. The node's address alone is not enough: with overlapping CIDRs it can be a database elsewhere.
select
    f.hour,
    n.elb,
    n.ip,
    f.interface_id,
    f.vpc
from flow_hours as f
inner join alb_nodes as n
    on f.src_ip = n.ip
inner join alb_targets as t
    on f.hour = t.hour
    and n.elb = t.elb
    and f.dst_ip = t.ip
    and f.server_port = t.port
where f.direction = 'egress'
    and f.vpc is not null
group by all
having sum(f.flows) > 0
