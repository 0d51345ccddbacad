-- Connections to resource configurations, with names. A VPC of an account that owns neither the service network nor the
-- resource is one caller, whatever its address: an AWS service such as EventBridge calls from a fleet of its own.
select
    r.event_timestamp as time,
    case
        when account_of(r.source_vpc_arn) not in (
            account_of(r.service_network_arn), account_of(r.resource_configuration_arn)
        ) then split_part(r.source_vpc_arn, '/', -1) || ' (' || account_of(r.source_vpc_arn) || ')'
        else coalesce(a.name, r.source_ip || ' (' || split_part(r.source_vpc_arn, '/', -1) || ')', r.source_ip, 'unknown')
    end as caller,
    coalesce(split_part(r.resource_configuration_arn, '/', -1), 'unknown') as callee,
    r.resource_configuration_arn as resource_configuration,
    r.service_network_arn as service_network,
    r.source_vpc_arn as caller_vpc_arn,
    r.source_ip as caller_ip,
    r.source_port as caller_port,
    r.resource_ip,
    r.resource_port,
    r.log_object,
    r.log_line
from lattice_resource_access as r
left join address_names as a
    on time_bucket(interval 1 hour, r.event_timestamp) = a.hour
    and a.hour >= first_hour()
    and split_part(r.source_vpc_arn, '/', -1) = a.vpc
    and r.source_ip = a.ip
