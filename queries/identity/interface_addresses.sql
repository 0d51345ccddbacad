-- The addresses of each network interface, per hour: what it sends from and receives at, and whether it passes on what is
-- not its own. A NAT or a router does: the same client or server is there on the way in and on the way out.
with seen as (
    select
        hour,
        vpc,
        interface_id,
        case when direction = 'egress' then src_ip else dst_ip end as ip
    from flow_hours
    where direction in ('egress', 'ingress')
        and vpc is not null
    group by all
    having sum(flows) > 0
),

-- Only an interface with several addresses of one kind can be one: most are not looked at any further.
crowded as (
    select
        hour,
        interface_id
    from seen
    where interface_id is not null
    group by hour, interface_id
    having count(*) > case
        when min(ip_version(ip)) < max(ip_version(ip)) then 2
        when min(ip_version(ip)) is not null then 1
        else 0
    end
),

passing as (
    select
        f.hour,
        f.interface_id,
        f.src_ip as ip
    from flow_hours as f
    semi join crowded as c
        on f.hour = c.hour
        and f.interface_id = c.interface_id
    group by f.hour, f.interface_id, f.src_ip
    having sum(f.flows) filter (f.direction = 'egress') > 0
        and sum(f.flows) filter (f.direction = 'ingress') > 0
    union
    select
        f.hour,
        f.interface_id,
        f.dst_ip
    from flow_hours as f
    semi join crowded as c
        on f.hour = c.hour
        and f.interface_id = c.interface_id
    group by f.hour, f.interface_id, f.dst_ip
    having sum(f.flows) filter (f.direction = 'egress') > 0
        and sum(f.flows) filter (f.direction = 'ingress') > 0
)

select
    s.hour,
    s.vpc,
    s.interface_id,
    s.ip,
    r.interface_id is not null as passes_on
from seen as s
anti join passing as p
    on s.hour = p.hour
    and s.interface_id = p.interface_id
    and s.ip = p.ip
left join (
    select distinct
        hour,
        interface_id
    from passing
) as r
    on s.hour = r.hour
    and s.interface_id = r.interface_id
