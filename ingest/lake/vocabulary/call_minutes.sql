-- Requests per minute, caller, service and outcome.
select
    minute_of(time) as minute,
    front_door,
    service,
    reached_host as host,
    service_network,
    caller_principal,
    caller_key,
    caller_account,
    caller_vpc,
    target_group,
    kind,
    outcome,
    status_class(status) as status_class,
    auth_decision,
    denied_by,
    caller_principal is not null as signed,
    ip_version(caller_ip) as ip_version,
    count(*) as requests,
    coalesce(sum(bytes_in), 0)::bigint as bytes_in,
    coalesce(sum(bytes_out), 0)::bigint as bytes_out,
    day
from batch_requests
group by all
