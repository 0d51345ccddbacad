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
where not exists (
        select 1
        from flow_hours as f
        where case
                when c.action = 'ACCEPT' and c.connection_direction = 'ingress' then c.client_ip
            end = f.src_ip
            and c.server_ip = f.dst_ip
            and c.server_port = f.server_port
            and c.protocol = f.protocol
            and hour_of(c.time) = f.hour
            and f.direction = 'egress'
            and f.action = 'ACCEPT'
    )
