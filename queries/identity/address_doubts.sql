-- Addresses that do not tell, in an hour, who called from there: more can have done so than the logs name. Who signs is
-- known all the same.
with only_calling as (
    select distinct
        s.hour,
        s.vpc,
        s.ip
    from sources as s
    anti join targets as t
        on s.hour = t.hour
        and s.vpc = t.vpc
        and s.ip = t.ip
    where s.vpc is not null
),

handed_on as (
    select
        hour,
        vpc,
        ip
    from interface_addresses
    where interface_id is not null
    group by hour, vpc, ip
    having min(interface_id) < max(interface_id)
),

-- No service answers at a caller's address, but others of the network connect to it: a proxy does that.
entered as (
    select
        f.hour,
        f.vpc,
        f.dst_ip as ip
    from flow_hours as f
    semi join only_calling as c
        on f.hour = c.hour
        and f.vpc = c.vpc
        and f.dst_ip = c.ip
    anti join alb_nodes as n
        on f.src_ip = n.ip
    where f.direction = 'ingress'
        and f.action = 'ACCEPT'
        and is_private(f.src_ip)
        and not is_lattice_address(f.src_ip)
    group by f.hour, f.vpc, f.dst_ip
    having sum(f.flows) > 0
),

doubts as (
    select
        hour,
        vpc,
        ip,
        1 as place,
        'kept apart: the address changed hands within the hour' as reason
    from handed_on
    union all
    select
        hour,
        vpc,
        ip,
        2,
        'kept apart: a NAT or a router, others call from it too'
    from interface_addresses
    where passes_on
    union all
    select
        hour,
        vpc,
        ip,
        3,
        'kept apart: others connect to it directly, so it may pass on their calls'
    from entered
)

select
    hour,
    vpc,
    ip,
    arg_min(reason, place) as reason
from doubts
group by hour, vpc, ip
