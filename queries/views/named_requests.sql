-- What requests is made of, with two columns more and with one fewer to rely on: target_vpc is what the log says, so NULL behind
-- a load balancer (requests looks it up). logged_service is the service as the log names it (a load balancer is not yet the
-- service behind it), which a scan can tell before anything is looked up; is_denied says whether outcome is 'denied'.
-- The same request in a service network's and in the service's own logs counts once: where the service's own
-- subscription delivered in that hour, the network's lines are left out. What is known by the hour is looked up from the
-- session's first hour on: its history has no requests.
select
    r.time,
    r.kind,
    r.front_door,
    r.service_network,
    r.service,
    r.service as logged_service,
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
    r.is_denied,
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
    on case when p.name is null then r.caller_vpc end = a.vpc
    and r.caller_ip = a.ip
    and hour_of(r.time) = a.hour
    and a.hour >= first_hour()
anti join own_subscriptions as o
    on case when r.subscription = 'network' then split_part(r.service, '/', 2) end = o.service_id
    and hour_of(r.time) = o.hour
union all
select
    r.time,
    r.kind,
    r.front_door,
    r.service_network,
    coalesce(g.service, h.service, r.service) as service,
    r.service as logged_service,
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
    r.target_vpc,
    r.host,
    r.sni,
    r.method,
    r.path,
    r.protocol,
    r.status,
    r.grpc_status,
    r.target_status,
    r.is_denied,
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
from (
    select
        *,
        hour_of(time) as hour
    from alb_requests
) as r
-- Whom it called goes first: where one is asked about, nothing else is looked up for calls of the others.
left join alb_target_groups as g
    on r.service = g.elb
    and r.target_group = g.target_group
left join alb_own_hosts as h
    on r.service = h.elb
    and r.untargeted_host = h.host
left join service_names as s
    on coalesce(g.service, h.service, r.service) = s.service
left join client_certificates as c
    on r.conn_trace_id = c.conn_trace_id
left join alb_peers as x
    on r.service = x.elb
    and r.caller_ip = x.ip
    and r.hour = x.hour
    and x.hour >= first_hour()
left join address_vpcs as v
    on r.caller_ip = v.ip
    and r.hour = v.hour
    and v.hour >= first_hour()
left join principal_names as p
    on c.subject = p.principal
left join address_names as a
    on case when p.name is null then coalesce(x.vpc, v.vpc) end = a.vpc
    and r.caller_ip = a.ip
    and r.hour = a.hour
    and a.hour >= first_hour()
