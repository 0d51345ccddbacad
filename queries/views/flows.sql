-- ---
-- about = "Flow records that were logged; a connection that both ends logged counts once"
-- [columns]
-- time = { type = "timestamp with time zone", about = "first packet of the interval" }
-- end_time = { type = "timestamp with time zone", about = "last packet of the interval" }
-- src_ip = { type = "varchar", about = "source in the packet: pkt_srcaddr, else srcaddr" }
-- src_port = { type = "integer", about = "source port" }
-- dst_ip = { type = "varchar", about = "destination in the packet: pkt_dstaddr, else dstaddr" }
-- dst_port = { type = "integer", about = "destination port" }
-- srcaddr = { type = "varchar", about = "source as logged: the interface's primary address on its side" }
-- dstaddr = { type = "varchar", about = "destination as logged" }
-- protocol = { type = "integer", about = "IANA protocol number" }
-- bytes = { type = "bigint", about = "bytes" }
-- packets = { type = "bigint", about = "packets" }
-- action = { type = "varchar", about = "ACCEPT or REJECT" }
-- reject_reason = { type = "varchar", about = "BPA or EC" }
-- direction = { type = "varchar", about = "ingress or egress, seen from the interface" }
-- tcp_flags = { type = "integer", about = "FIN 1, SYN 2, RST 4, SYN-ACK 18, or-ed over the interval" }
-- traffic_path = { type = "integer", about = "egress only, as logged" }
-- interface_id = { type = "varchar", about = "network interface" }
-- interface_type = { type = "varchar", about = "nat_gateway, transit_gateway, vpc_endpoint, ..." }
-- next_hop_interface_type = { type = "varchar", about = "kind of the next hop's interface" }
-- vpc = { type = "varchar", about = "VPC of the interface" }
-- subnet = { type = "varchar", about = "subnet of the interface" }
-- instance_id = { type = "varchar", about = "instance of the interface" }
-- az = { type = "varchar", about = "availability zone id" }
-- ecs_service = { type = "varchar", about = "ECS service name" }
-- src_service = { type = "varchar", about = "AWS service that owns the source" }
-- dst_service = { type = "varchar", about = "AWS service that owns the destination" }
-- ip_version = { type = "integer", about = "4 or 6" }
-- log_object = { type = "varchar", about = "source object" }
-- log_line = { type = "integer", about = "line in it, from 1" }
-- day = { type = "date", about = "day of time, UTC" }
-- ---
-- Flow records that were logged (not NODATA, not SKIPDATA), addresses as in the packet.
-- A connection that both ends logged counts once: an accepted record at the server's interface is left out where, in
-- that hour, the client's interface logged the same pair and port as accepted. What is refused always stays.
select
    c.time,
    c.end_time,
    c.src_ip,
    c.src_port,
    c.dst_ip,
    c.dst_port,
    c.srcaddr,
    c.dstaddr,
    c.protocol,
    c.bytes,
    c.packets,
    c.action,
    c.reject_reason,
    c.direction,
    c.tcp_flags,
    c.traffic_path,
    c.interface_id,
    c.interface_type,
    c.next_hop_interface_type,
    c.vpc,
    c.subnet,
    c.instance_id,
    c.az,
    c.ecs_service,
    c.src_service,
    c.dst_service,
    c.ip_version,
    c.log_object,
    c.log_line,
    c.day
from connections as c
anti join (
    select
        hour,
        src_ip,
        dst_ip,
        server_port,
        protocol
    from flow_hours
    where direction = 'egress'
        and action = 'ACCEPT'
        and hour >= first_hour()
    group by hour, src_ip, dst_ip, server_port, protocol
    having sum(flows) > 0
) as f
    on case when c.action = 'ACCEPT' and c.connection_direction = 'ingress' then c.client_ip end = f.src_ip
    and c.server_ip = f.dst_ip
    and c.server_port = f.server_port
    and c.protocol = f.protocol
    and hour_of(c.time) = f.hour
