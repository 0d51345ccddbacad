-- Who was let in where, by day: pairs of addresses and a port at a network interface, with the last hour. Hours of which all was
-- taken back do not count: rare, so that only the pairs that have any taken back are looked at by the hour.
with counted as materialized (
    select
        day,
        src_ip,
        dst_ip,
        server_port,
        direction,
        vpc,
        interface_id,
        max(hour) as hour,
        sum(flows)::bigint as flows,
        min(flows) as fewest
    from flow_hours
    where action = 'ACCEPT'
    group by day, src_ip, dst_ip, server_port, direction, vpc, interface_id
),

by_hour as (
    select
        f.day,
        f.hour,
        f.src_ip,
        f.dst_ip,
        f.server_port,
        f.direction,
        f.vpc,
        f.interface_id,
        sum(f.flows) as flows
    from flow_hours as f
    semi join (
        from counted
        where fewest <= 0
    ) as c
        on f.day = c.day
        and f.src_ip = c.src_ip
        and f.dst_ip = c.dst_ip
        and f.server_port is not distinct from c.server_port
        and f.direction is not distinct from c.direction
        and f.vpc is not distinct from c.vpc
        and f.interface_id is not distinct from c.interface_id
    where f.action = 'ACCEPT'
    group by f.day, f.hour, f.src_ip, f.dst_ip, f.server_port, f.direction, f.vpc, f.interface_id
    having sum(f.flows) > 0
)

select * exclude (fewest)
from counted
where fewest > 0
union all
select
    day,
    src_ip,
    dst_ip,
    server_port,
    direction,
    vpc,
    interface_id,
    max(hour),
    sum(flows)::bigint
from by_hour
group by day, src_ip, dst_ip, server_port, direction, vpc, interface_id
