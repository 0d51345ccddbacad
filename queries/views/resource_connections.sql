-- Connections to resource configurations, with names. An AWS service such as EventBridge calls from a VPC of its own and a
-- fleet in it: that VPC is one caller, whatever its address. It is AWS's where its account owns neither the service network
-- nor the resource and nothing else is known of either: no address of the VPC, no principal of the account.
with made as (
    select
        r.*,
        split_part(r.source_vpc_arn, '/', -1) as caller_vpc,
        account_of(r.source_vpc_arn) as account
    from lattice_resource_access as r
),

known_vpc as (
    select vpc
    from interface_addresses
    where hour >= first_hour()
    union
    select vpc
    from address_nodes
    where vpc is not null
        and hour >= first_hour()
),

known_account as (
    select distinct account_of(principal) as account
    from principals
    where account_of(principal) is not null
)

select
    m.event_timestamp as time,
    coalesce(
        m.account not in (account_of(m.service_network_arn), account_of(m.resource_configuration_arn))
        and v.vpc is null
        and k.account is null,
        false
    ) as is_aws,
    case
        when is_aws then m.caller_vpc || ' (' || m.account || ')'
        else coalesce(a.name, m.source_ip || ' (' || m.caller_vpc || ')', m.source_ip, 'unknown')
    end as caller,
    coalesce(split_part(m.resource_configuration_arn, '/', -1), 'unknown') as callee,
    m.resource_configuration_arn as resource_configuration,
    m.service_network_arn as service_network,
    m.source_vpc_arn as caller_vpc_arn,
    m.source_ip as caller_ip,
    m.source_port as caller_port,
    m.resource_ip,
    m.resource_port,
    m.log_object,
    m.log_line
from made as m
left join known_vpc as v
    on m.caller_vpc = v.vpc
left join known_account as k
    on m.account = k.account
left join address_names as a
    on time_bucket(interval 1 hour, m.event_timestamp) = a.hour
    and a.hour >= first_hour()
    and m.caller_vpc = a.vpc
    and m.source_ip = a.ip
