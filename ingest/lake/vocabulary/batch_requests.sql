-- A batch's requests with the columns that rollups use.
select
    time,
    front_door,
    service,
    service_network,
    case
        when target_ip is not null or target_status is not null then coalesce(host, 'other')
        else 'other'
    end as reached_host,
    caller_principal,
    caller_key,
    caller_principal is not null or caller_cert_subject is not null as is_identified,
    caller_account,
    caller_vpc,
    caller_ip,
    target_group,
    target_ip,
    target_port,
    target_vpc,
    node_ip,
    kind,
    outcome,
    status,
    auth_decision,
    denied_by,
    latency_ms,
    front_door_ms,
    target_ms,
    response_ms,
    bytes_in,
    bytes_out,
    day
from (
    from lattice_requests
    union all by name
    from alb_requests
)
