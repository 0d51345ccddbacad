-- Where callers were seen (source), services answered (target) and load balancer nodes listened (node), per hour.
-- A source is a principal, else the subject of a certificate: in Lattice's line, or in the load balancer's connection.
select
    hour_of(time) as hour,
    'source' as side,
    caller_key as id,
    caller_vpc as vpc,
    caller_ip as ip,
    null::integer as port,
    count(*) as sightings,
    day
from batch_requests
where is_identified
    and caller_ip is not null
group by all
union all
select
    hour_of(timestamp) as hour,
    'source' as side,
    leaf_client_cert_subject as id,
    null::varchar as vpc,
    client_ip as ip,
    null::integer as port,
    count(*) as sightings,
    day
from alb_connection
where leaf_client_cert_subject is not null
    and tls_verify_status = 'Success'
group by all
union all
select
    hour_of(time) as hour,
    'target' as side,
    case when front_door = 'alb' then target_group else service end as id,
    target_vpc as vpc,
    target_ip as ip,
    target_port as port,
    count(*) as sightings,
    day
from batch_requests
where target_ip is not null
    and id is not null
group by all
union all
select
    hour_of(time) as hour,
    'node' as side,
    service as id,
    null::varchar as vpc,
    node_ip as ip,
    null::integer as port,
    count(*) as sightings,
    day
from batch_requests
where node_ip is not null
group by all
