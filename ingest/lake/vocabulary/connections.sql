-- Flow records folded into the connection they belong to: initiator, responder, and the direction of the connection
-- seen from the interface.
-- A refused packet between two ephemeral ports is a scan: its port is dropped, else each port would be a row for ever.
select
    start_time as time,
    end_time,
    src as src_ip,
    srcport as src_port,
    dst as dst_ip,
    dstport as dst_port,
    srcaddr,
    dstaddr,
    case when is_reply then dst else src end as client_ip,
    case when is_reply then src else dst end as server_ip,
    case
        when action = 'REJECT' and srcport >= 32768 and dstport >= 32768 and dstport <> 50051 then null
        when is_reply then srcport
        else dstport
    end as server_port,
    case
        when not is_reply then flow_direction
        when flow_direction = 'egress' then 'ingress'
        when flow_direction = 'ingress' then 'egress'
    end as connection_direction,
    protocol,
    bytes,
    packets,
    action,
    reject_reason,
    flow_direction as direction,
    tcp_flags,
    traffic_path,
    interface_id,
    interface_type,
    next_hop_interface_type,
    vpc_id as vpc,
    subnet_id as subnet,
    instance_id,
    az_id as az,
    ecs_service_name as ecs_service,
    pkt_src_aws_service as src_service,
    pkt_dst_aws_service as dst_service,
    ip_version(src) as ip_version,
    log_object,
    log_line,
    day
from (
    select
        *,
        coalesce(pkt_srcaddr, srcaddr) as src,
        coalesce(pkt_dstaddr, dstaddr) as dst,
        is_reply(tcp_flags, srcport, dstport) as is_reply
    from vpc_flow
    where log_status = 'OK'
) as f
