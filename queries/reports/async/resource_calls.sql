-- ---
-- title = "Connections to resource configurations"
-- question = "Who reaches which resource configuration, and which of them are AWS services rather than our own callers?"
-- about = """
-- An AWS service (EventBridge and Step Functions connect through a VPC of AWS's) is told by its VPC: its account owns neither
-- the service network nor the resource, and no other log knows an address of the VPC or a principal of the account (a network
-- that another account shares is called from own VPCs). The logs do not say which of the two it is. They say no bytes, no status and no
-- refusal either: a row is a connection that was made."""
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- [columns]
-- caller = { type = "varchar", about = "display name of the caller's node; VPC and account of an AWS service's" }
-- caller_kind = { type = "varchar", about = "aws_service or own" }
-- resource_configuration = { type = "varchar", about = "its ARN" }
-- callee = { type = "varchar", about = "its id" }
-- resources = { type = "varchar[]", about = "address and port of the resources behind it, at most 10; NULL: none is logged" }
-- connections = { type = "bigint", about = "connections in the window" }
-- share = { type = "double", about = "of the resource configuration's connections, 0 to 1" }
-- caller_ips = { type = "bigint", about = "addresses they came from" }
-- service_network = { type = "varchar", about = "service network's ARN" }
-- caller_vpc = { type = "varchar", about = "VPC of the caller" }
-- caller_account = { type = "varchar", about = "account of that VPC" }
-- first_seen = { type = "timestamp with time zone", about = "first connection" }
-- last_seen = { type = "timestamp with time zone", about = "last connection" }
-- ---
with made as (
    select
        c.*,
        address_and_port(c.resource_ip, c.resource_port) as resource,
        account_of(c.caller_vpc_arn) as account
    from resource_connections as c
    where c.time >= $since
        and c.time < $until
)

select
    m.caller,
    case when m.is_aws then 'aws_service' else 'own' end as caller_kind,
    m.resource_configuration,
    m.callee,
    list(distinct m.resource order by m.resource) filter (m.resource is not null)[:10] as resources,
    count(*) as connections,
    count(*) / sum(count(*)) over (partition by m.resource_configuration) as share,
    count(distinct m.caller_ip) as caller_ips,
    m.service_network,
    split_part(m.caller_vpc_arn, '/', -1) as caller_vpc,
    m.account as caller_account,
    min(m.time) as first_seen,
    max(m.time) as last_seen
from made as m
group by m.caller, m.is_aws, m.resource_configuration, m.callee, m.service_network, m.caller_vpc_arn, m.account
order by connections desc, m.caller, m.resource_configuration, m.service_network, m.caller_vpc_arn
