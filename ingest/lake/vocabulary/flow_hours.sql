-- Flows per hour, pair of addresses, server port and interface.
select
    hour_of(time) as hour,
    client_ip as src_ip,
    server_ip as dst_ip,
    server_port,
    protocol,
    connection_direction as direction,
    action,
    reject_reason,
    vpc,
    interface_id,
    traffic_path,
    count(*) as flows,
    coalesce(sum(packets), 0)::bigint as packets,
    coalesce(sum(bytes), 0)::bigint as bytes,
    day
from connections
group by all
