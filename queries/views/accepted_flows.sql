-- What network interfaces accepted, by the hour; of the days that are kept a row a pair, of its last hour. Rows of an hour that
-- come to nothing were taken back.
select
    hour,
    src_ip,
    dst_ip,
    server_port,
    direction,
    vpc,
    interface_id,
    flows
from flow_hours
where action = 'ACCEPT'
    and (hour < kept_from() or hour >= kept_until())
union all
select
    hour,
    src_ip,
    dst_ip,
    server_port,
    direction,
    vpc,
    interface_id,
    flows
from accepted_pairs
