-- Where principals (and certificate subjects) called from. Certificates come from load balancers, which do not log the
-- VPC: the peers of the hour tell, else the only VPC that had the address.
with peers as (
    select
        hour,
        ip,
        min(vpc) as vpc
    from alb_peers
    group by hour, ip
    having min(vpc) = max(vpc)
)

select
    e.hour,
    coalesce(e.vpc, p.vpc, v.vpc) as vpc,
    e.ip,
    e.id as principal,
    sum(e.sightings)::bigint as sightings
from endpoint_hours as e
left join peers as p
    on e.hour = p.hour
    and e.ip = p.ip
left join address_vpcs as v
    on e.hour = v.hour
    and e.ip = v.ip
where e.side = 'source'
group by all
having sum(e.sightings) > 0
