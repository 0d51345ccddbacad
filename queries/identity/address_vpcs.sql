-- The VPC of an address in an hour, where exactly one VPC had it: overlapping CIDRs leave an address out, and so does a
-- load balancer that met it in a VPC of which nothing is known.
select
    k.hour,
    k.ip,
    k.vpc
from known_vpcs as k
anti join (
    select
        hour,
        ip
    from alb_peers
    where vpc is null
    union
    select
        hour,
        ip
    from alb_target_vpcs
    where vpc is null
) as n
    on k.hour = n.hour
    and k.ip = n.ip
