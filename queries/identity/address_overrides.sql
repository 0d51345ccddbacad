-- Addresses that an entry of names.toml names, per hour and VPC. Without such an entry no address is looked at.
with given as (
    select 1
    from given_names
    where kind = 'cidr'
    limit 1
),

seen as (
    select
        hour,
        vpc,
        ip
    from endpoint_hours, given
    union
    select
        hour,
        vpc,
        case when direction = 'egress' then src_ip else dst_ip end
    from flow_hours, given
    union
    select
        hour,
        vpc,
        ip
    from address_vpcs, given
    union
    select
        hour,
        split_part(caller_key, '/', 1),
        split_part(caller_key, '/', 2)
    from edge_hours, given
    where starts_with(caller_key, 'vpc-')
)

select
    s.hour,
    s.vpc,
    s.ip,
    'names.toml#' || arg_min(g.name, g.place) as node,
    arg_min(g.name, g.place) as name,
    'named in names.toml: cidr = ' || arg_min(g.pattern, g.place) as reason
from seen as s
inner join given_names as g
    on g.kind = 'cidr'
    and coalesce(g.vpc = s.vpc, true)
    and starts_with(address_bits(s.ip), g.bits)
where s.vpc is not null
group by s.hour, s.vpc, s.ip
