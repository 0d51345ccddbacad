-- Requests per minute, caller, service and outcome.
with counted as (
    select
        r.minute_combination as combination,
        f.minute,
        count(*) as requests,
        coalesce(sum(f.bytes_in), 0)::bigint as bytes_in,
        coalesce(sum(f.bytes_out), 0)::bigint as bytes_out,
        f.day
    from batch_facts as f
    inner join batch_requests as r
        on f.combination = r.combination
    group by r.minute_combination, f.minute, f.day
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
    c.requests,
    c.bytes_in,
    c.bytes_out,
    r.subscription,
    c.day
from counted as c
inner join batch_requests as r
    on c.combination = r.combination
