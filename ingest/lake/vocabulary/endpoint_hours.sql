-- Where callers were seen (source), services answered (target) and load balancer nodes listened (node), per hour.
-- A source is a principal, else the subject of a certificate: in Lattice's line, or in the load balancer's connection.
with seen as (
    select
        c.hour,
        c.requests,
        c.day,
        r.*
    from batch_hours as c
    inner join batch_requests as r
        on c.combination = r.combination
)

select
    hour,
    'source' as side,
    caller_key as id,
    caller_vpc as vpc,
    caller_ip as ip,
    null::integer as port,
    sum(requests)::bigint as sightings,
    day
from seen
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
    hour,
    'target' as side,
    case when front_door = 'alb' then target_group else service end as id,
    target_vpc as vpc,
    target_ip as ip,
    target_port as port,
    sum(requests)::bigint as sightings,
    day
from seen
where target_ip is not null
    and id is not null
group by all
union all
select
    hour,
    'node' as side,
    service as id,
    null::varchar as vpc,
    node_ip as ip,
    null::integer as port,
    sum(requests)::bigint as sightings,
    day
from seen
where node_ip is not null
group by all
