-- One row per request (or TLS connection) through either front door, with names.
-- The same request in a service network's and in the service's own logs counts once: where the service's own
-- subscription delivered in that hour, the network's lines are left out.
select
    r.time,
    r.kind,
    r.front_door,
    r.service_network,
    r.service,
    coalesce(s.name, r.service, 'unknown') as callee,
    coalesce(p.name, a.name, key_name(r.caller_key)) as caller,
    r.caller_principal,
    r.caller_session,
    r.caller_org_id,
    r.caller_account,
    r.caller_cert_subject,
    r.caller_ip,
    r.caller_port,
    r.caller_vpc,
    r.target_group,
    r.target_ip,
    r.target_port,
    r.target_vpc,
    r.host,
    r.sni,
    r.method,
    r.path,
    r.protocol,
    r.status,
    r.grpc_status,
    r.target_status,
    r.outcome,
    r.auth_decision,
    r.denied_by,
    r.deny_reason,
    r.failure_reason,
    r.latency_ms,
    r.front_door_ms,
    r.target_ms,
    r.response_ms,
    r.bytes_in,
    r.bytes_out,
    r.tls_version,
    r.user_agent,
    r.trace_id,
    r.conn_trace_id,
    r.request_id,
    r.log_object,
    r.log_line,
    r.day
from lattice_requests as r
left join service_names as s
    on r.service = s.service
left join principal_names as p
    on coalesce(r.caller_principal, r.caller_cert_subject) = p.principal
left join address_names as a
    on r.caller_vpc = a.vpc
    and r.caller_ip = a.ip
    and hour_of(r.time) = a.hour
where not exists (
        select 1
        from own_subscriptions as o
        where case when contains(r.log_object, '/sn-') then split_part(r.service, '/', 2) end = o.service_id
            and hour_of(r.time) = o.hour
    )
union all
select
    r.time,
    r.kind,
    r.front_door,
    r.service_network,
    coalesce(g.service, h.service, r.service) as service,
    coalesce(s.name, g.service, h.service, r.service, 'unknown') as callee,
    coalesce(p.name, a.name, key_name(caller_key(null, c.subject, coalesce(x.vpc, v.vpc), r.caller_ip))) as caller,
    r.caller_principal,
    r.caller_session,
    r.caller_org_id,
    r.caller_account,
    c.subject as caller_cert_subject,
    r.caller_ip,
    r.caller_port,
    coalesce(x.vpc, v.vpc) as caller_vpc,
    r.target_group,
    r.target_ip,
    r.target_port,
    coalesce(y.vpc, w.vpc) as target_vpc,
    r.host,
    r.sni,
    r.method,
    r.path,
    r.protocol,
    r.status,
    r.grpc_status,
    r.target_status,
    r.outcome,
    r.auth_decision,
    r.denied_by,
    r.deny_reason,
    r.failure_reason,
    r.latency_ms,
    r.front_door_ms,
    r.target_ms,
    r.response_ms,
    r.bytes_in,
    r.bytes_out,
    r.tls_version,
    r.user_agent,
    r.trace_id,
    r.conn_trace_id,
    r.request_id,
    r.log_object,
    r.log_line,
    r.day
from alb_requests as r
left join alb_target_groups as g
    on r.service = g.elb
    and r.target_group = g.target_group
left join alb_own_hosts as h
    on r.service = h.elb
    and case when r.target_group is null then r.host end = h.host
left join service_names as s
    on coalesce(g.service, h.service, r.service) = s.service
left join client_certificates as c
    on r.conn_trace_id = c.conn_trace_id
left join principal_names as p
    on c.subject = p.principal
left join alb_peers as x
    on r.service = x.elb
    and r.caller_ip = x.ip
    and hour_of(r.time) = x.hour
left join address_vpcs as v
    on r.caller_ip = v.ip
    and hour_of(r.time) = v.hour
left join alb_peers as y
    on r.service = y.elb
    and r.target_ip = y.ip
    and hour_of(r.time) = y.hour
left join address_vpcs as w
    on r.target_ip = w.ip
    and hour_of(r.time) = w.hour
left join address_names as a
    on coalesce(x.vpc, v.vpc) = a.vpc
    and r.caller_ip = a.ip
    and hour_of(r.time) = a.hour
