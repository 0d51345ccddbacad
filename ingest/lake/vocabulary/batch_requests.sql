-- One request of each combination in a batch: what all requests of its number are counted by.
select
    log_line as combination,
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
    denied_by
from (
    from lattice_requests
    union all by name
    from alb_requests
)
