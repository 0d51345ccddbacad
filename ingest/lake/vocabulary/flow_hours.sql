-- Flows per hour, pair of addresses, server port and interface.
select
    date_trunc('hour', time) as hour,
    src_ip,
    dst_ip,
    server_port,
    protocol,
    direction,
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
