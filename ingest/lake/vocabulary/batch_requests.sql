-- One request of each combination in a batch, in their order: what all requests of its number are counted by, under the
-- names of the rollups' columns.
select
    log_line as combination,
    front_door,
    service,
    service_network,
    case
        when target_ip is not null or target_status is not null then coalesce(host, 'other')
        else 'other'
    end as host,
    caller_principal,
    caller_key,
    caller_principal is not null as signed,
    caller_principal is not null or caller_cert_subject is not null as is_identified,
    caller_account,
    caller_vpc,
    caller_ip,
    ip_version(caller_ip) as ip_version,
    target_group,
    target_ip,
    target_port,
    target_vpc,
    node_ip,
    subscription,
    kind,
    outcome,
    status_class(status) as status_class,
    auth_decision,
    denied_by
from numbered_requests
order by combination
