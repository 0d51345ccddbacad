-- The VPC of the clients and targets of a load balancer: ALB logs do not say it, the flow record at the peer's own
-- interface does (its connection to a node, or a node's connection to it).
with evidence as (
    select
        f.hour,
        n.elb,
        f.src_ip as ip,
        f.vpc,
        f.flows
    from flow_hours as f
    inner join alb_nodes as n
        on f.dst_ip = n.ip
    where f.direction = 'egress'
    union all
    select
        f.hour,
        n.elb,
        f.dst_ip,
        f.vpc,
        f.flows
    from flow_hours as f
    inner join alb_nodes as n
        on f.src_ip = n.ip
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
    and sum(flows) > 0
