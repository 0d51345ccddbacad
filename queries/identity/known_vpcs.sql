-- The VPC of an address in an hour, where exactly one VPC is known to have had it.
with seen as (
    select
        hour,
        ip,
        vpc
    from endpoint_hours
    where vpc is not null
    group by hour, ip, vpc
    having sum(sightings) > 0
    union
    select
        hour,
        ip,
        vpc
    from interface_addresses
)

select
    hour,
    ip,
    min(vpc) as vpc
from seen
group by hour, ip
having min(vpc) = max(vpc)
