-- Connections that an interface passed on under its own address in [begin_at, end_at): NAT. It receives packets for somewhere
-- else (the packet's destination is not its own) and opens the same connection from its own address. An appliance that
-- only routes keeps the source, and a proxy is itself the destination.
create or replace temp macro nat_paths(begin_at, end_at) as table
with own_addresses as (
    select
        f.hour,
        f.interface_id,
        f.dst_ip,
        f.server_port,
        f.protocol,
        min(f.src_ip) as nat_ip
    from flow_hours as f
    where f.direction = 'egress'
        and f.action = 'ACCEPT'
        and f.hour >= hour_of(begin_at)
        and f.hour < end_at
    group by all
    having count(distinct f.src_ip) = 1
)

select
    f.hour,
    f.vpc,
    f.interface_id,
    o.nat_ip,
    f.src_ip as client_ip,
    f.dst_ip,
    f.server_port,
    sum(f.flows)::bigint as flows,
    sum(f.bytes)::bigint as bytes
from flow_hours as f
inner join own_addresses as o
    on f.hour = o.hour
    and f.interface_id = o.interface_id
    and f.dst_ip = o.dst_ip
    and f.server_port = o.server_port
    and f.protocol = o.protocol
where f.direction = 'ingress'
    and f.action = 'ACCEPT'
    and f.src_ip <> o.nat_ip
    and f.dst_ip <> o.nat_ip
group by all
having sum(f.flows) > 0;
