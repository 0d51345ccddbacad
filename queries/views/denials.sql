-- ---
-- about = "Every refused attempt at every layer"
-- [columns]
-- time = { type = "timestamp with time zone", about = "when; of packets, the first of the minute" }
-- layer = { type = "varchar", about = "packet, tls, identity_policy, network_policy, service_policy, unknown_policy, waf, alb_auth, alb_rule or application" }
-- caller = { type = "varchar", about = "display name of the caller's node" }
-- caller_principal = { type = "varchar", about = "role or user ARN without the session" }
-- caller_ip = { type = "varchar", about = "address of the caller" }
-- callee = { type = "varchar", about = "display name of what it wanted to reach" }
-- target_ip = { type = "varchar", about = "address it wanted, where one is known" }
-- target_port = { type = "integer", about = "port it wanted, where one is known" }
-- reason = { type = "varchar", about = "the log's own words" }
-- count = { type = "bigint", about = "refused attempts: 1, or flow records of the minute" }
-- log_object = { type = "varchar", about = "source object of the first" }
-- log_line = { type = "integer", about = "line in it, from 1" }
-- day = { type = "date", about = "day of time, UTC" }
-- caller_vpc = { type = "varchar", about = "VPC of the caller, where a log tells" }
-- direction = { type = "varchar", about = "of packets: ingress or egress, seen from the interface that refused" }
-- vpc = { type = "varchar", about = "of packets: VPC of that interface" }
-- interface_id = { type = "varchar", about = "of packets: that interface" }
-- ---
-- Every refused attempt at every layer: requests one by one, TLS handshakes one by one, packets per minute, pair,
-- port and interface.
-- Packets are read from connections: flows leaves out only what was accepted.
-- An application's 403 behind a load balancer that is a Lattice target is counted on the Lattice side.
select
    r.time,
    r.denied_by as layer,
    r.caller,
    r.caller_principal,
    r.caller_ip,
    r.callee,
    r.target_ip,
    r.target_port,
    coalesce(r.deny_reason, r.status::varchar) as reason,
    1::bigint as count,
    r.log_object,
    r.log_line,
    r.day,
    r.caller_vpc,
    null as direction,
    null as vpc,
    null as interface_id
from named_requests as r
where r.denied_by is not null
    and not (
        r.denied_by = 'application'
        and r.front_door = 'alb'
        and is_lattice_address(r.caller_ip)
        and split_part(r.service, '#', 1) in (select t.elb from seen_through as t)
    )
union all
select
    t.timestamp,
    'tls',
    coalesce(p.name, a.name, key_name(t.key)),
    null,
    t.client_ip,
    coalesce(s.name, t.elb, 'unknown'),
    t.ip_address,
    t.listener_port,
    t.tls_verify_status,
    1,
    t.log_object,
    t.log_line,
    t.day,
    t.vpc,
    null,
    null,
    null
from (
    select
        t.*,
        hour_of(t.timestamp) as hour,
        coalesce(x.vpc, v.vpc) as vpc,
        caller_key(null, t.leaf_client_cert_subject, coalesce(x.vpc, v.vpc), t.client_ip) as key
    from alb_connection as t
    left join alb_peers as x
        on t.elb = x.elb
        and t.client_ip = x.ip
        and hour_of(t.timestamp) = x.hour
        and x.hour >= first_hour()
    left join address_vpcs as v
        on t.client_ip = v.ip
        and hour_of(t.timestamp) = v.hour
        and v.hour >= first_hour()
    where starts_with(t.tls_verify_status, 'Failed')
) as t
left join service_names as s
    on t.elb = s.service
left join principal_names as p
    on t.leaf_client_cert_subject = p.principal
left join address_names as a
    on t.vpc = a.vpc
    and t.client_ip = a.ip
    and t.hour = a.hour
    and a.hour >= first_hour()
union all
select
    f.time,
    'packet',
    coalesce(b.name, key_name(f.src_key)),
    null,
    f.src_ip,
    coalesce(d.name, key_name(f.dst_key)),
    f.dst_ip,
    f.dst_port,
    f.reason,
    f.count,
    f.log_object,
    f.log_line,
    f.day,
    f.src_vpc,
    f.direction,
    f.vpc,
    f.interface_id
from (
    select
        r.*,
        coalesce(case when r.direction = 'egress' then r.vpc end, v.vpc) as src_vpc,
        coalesce(case when r.direction = 'ingress' then r.vpc end, w.vpc) as dst_vpc,
        caller_key(null, null, src_vpc, r.src_ip) as src_key,
        caller_key(null, null, dst_vpc, r.dst_ip) as dst_key
    from (
        select
            min(time) as time,
            src_ip,
            dst_ip,
            dst_port,
            direction,
            vpc,
            interface_id,
            'REJECT' || coalesce(' ' || reject_reason, '') as reason,
            count(*) as count,
            arg_min(log_object, (time, log_object, log_line)) as log_object,
            arg_min(log_line, (time, log_object, log_line)) as log_line,
            hour_of(min(time)) as hour,
            day
        from connections
        where action = 'REJECT'
        group by minute_of(time), src_ip, dst_ip, dst_port, direction, vpc, interface_id, reason, day
    ) as r
    left join address_vpcs as v
        on r.src_ip = v.ip
        and r.hour = v.hour
        and v.hour >= first_hour()
    left join address_vpcs as w
        on r.dst_ip = w.ip
        and r.hour = w.hour
        and w.hour >= first_hour()
) as f
left join address_names as b
    on f.src_vpc = b.vpc
    and f.src_ip = b.ip
    and f.hour = b.hour
    and b.hour >= first_hour()
left join address_names as d
    on f.dst_vpc = d.vpc
    and f.dst_ip = d.ip
    and f.hour = d.hour
    and d.hour >= first_hour()
