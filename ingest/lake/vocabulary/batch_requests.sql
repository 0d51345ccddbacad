-- One request of each combination in a batch: what all requests of its number are counted by. Combinations that
-- call_hours (or call_minutes, or edge_hours) does not tell apart share its hour_combination (minute_combination,
-- edge_combination): rows are counted by that number, and texts are looked up once a counted row.
select
    *,
    min(combination) over (
        partition by front_door, service, reached_host, caller_principal, caller_key, target_group, subscription
    ) as hour_combination,
    min(combination) over (
        partition by front_door, service, caller_principal, caller_key, target_group, subscription
    ) as edge_combination,
    min(combination) over (
        partition by
            front_door, service, reached_host, service_network, caller_principal, caller_key, caller_account,
            caller_vpc, target_group, kind, outcome, status_class(status), auth_decision, denied_by,
            ip_version(caller_ip), subscription
    ) as minute_combination
from (
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
    subscription,
    kind,
    outcome,
    status,
    auth_decision,
    denied_by
from numbered_requests
)
