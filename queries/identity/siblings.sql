-- The IPv4 and the IPv6 address of one network interface: who answers or calls at one also does at the other. Only where
-- the interface had exactly one of each in that hour: a Kubernetes node, a NAT or a proxy has many.
with pairs as (
    select
        hour,
        vpc,
        max(ip) filter (ip_version(ip) = 4) as ipv4,
        max(ip) filter (ip_version(ip) = 6) as ipv6
    from interface_addresses
    where interface_id is not null
        and not passes_on
    group by hour, interface_id, vpc
    having count(*) = 2
        and count(*) filter (ip_version(ip) = 6) = 1
)

select
    hour,
    vpc,
    ipv4 as ip,
    ipv6 as sibling
from pairs
union all
select
    hour,
    vpc,
    ipv6,
    ipv4
from pairs
