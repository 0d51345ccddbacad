-- Requests per minute, caller, service and outcome.
with counted as (
    select
        combination,
        minute,
        count(*) as requests,
        sum(bytes_in) as bytes_in,
        sum(bytes_out) as bytes_out,
        day
    from batch_facts
    group by all
)

select
    c.minute,
    r.front_door,
    r.service,
    r.reached_host as host,
    r.service_network,
    r.caller_principal,
    r.caller_key,
    r.caller_account,
    r.caller_vpc,
    r.target_group,
    r.kind,
    r.outcome,
    status_class(r.status) as status_class,
    r.auth_decision,
    r.denied_by,
    r.caller_principal is not null as signed,
    ip_version(r.caller_ip) as ip_version,
    sum(c.requests)::bigint as requests,
    coalesce(sum(c.bytes_in), 0)::bigint as bytes_in,
    coalesce(sum(c.bytes_out), 0)::bigint as bytes_out,
    c.day
from counted as c
inner join batch_requests as r
    on c.combination = r.combination
group by all
