-- ---
-- about = "One row per request (or TLS connection) through either front door, with names"
-- [columns]
-- time = { type = "timestamp with time zone", about = "when the request started (Lattice, whole seconds) or its response was sent (ALB)" }
-- kind = { type = "varchar", about = "http, grpc, websocket or tls" }
-- front_door = { type = "varchar", about = "lattice or alb" }
-- service_network = { type = "varchar", about = "service network's ARN; Lattice only" }
-- service = { type = "varchar", about = "the callee's id: Lattice service ARN, or elb#host, or elb where no host is known to be behind it" }
-- callee = { type = "varchar", about = "display name of the callee's node" }
-- caller = { type = "varchar", about = "display name of the caller's node" }
-- caller_principal = { type = "varchar", about = "role or user ARN without the session; NULL when unsigned" }
-- caller_session = { type = "varchar", about = "session name of an assumed role" }
-- caller_org_id = { type = "varchar", about = "organization of the principal" }
-- caller_account = { type = "varchar", about = "account of the principal, else of the source VPC" }
-- caller_cert_subject = { type = "varchar", about = "client certificate: its subject (ALB, from the connection log) or subject CN (Lattice)" }
-- caller_ip = { type = "varchar", about = "address of the caller, or of the proxy in front of it" }
-- caller_port = { type = "integer", about = "port of the caller" }
-- caller_vpc = { type = "varchar", about = "VPC of the caller: logged by Lattice, from flow records for ALB, else NULL" }
-- target_group = { type = "varchar", about = "target group's ARN" }
-- target_ip = { type = "varchar", about = "address of the target; NULL when none was reached, and for Lambda" }
-- target_port = { type = "integer", about = "port of the target" }
-- target_vpc = { type = "varchar", about = "VPC of the target: as caller_vpc" }
-- host = { type = "varchar", about = "host asked for: lower case, without the port" }
-- sni = { type = "varchar", about = "TLS server name" }
-- method = { type = "varchar", about = "HTTP method" }
-- path = { type = "varchar", about = "path without the query" }
-- protocol = { type = "varchar", about = "HTTP version" }
-- status = { type = "integer", about = "HTTP status the caller received" }
-- grpc_status = { type = "integer", about = "gRPC status; Lattice only" }
-- target_status = { type = "integer", about = "HTTP status the target answered" }
-- outcome = { type = "varchar", about = "ok (below 400), client_error, denied (refused before the application), server_error, or no_response (a response was due and none came)" }
-- auth_decision = { type = "varchar", about = "allowed, denied or not_evaluated" }
-- denied_by = { type = "varchar", about = "service_policy, network_policy, identity_policy, waf, alb_auth, alb_rule; or application: the application's own 403, whose outcome is client_error" }
-- deny_reason = { type = "varchar", about = "AWS's own text for it" }
-- failure_reason = { type = "varchar", about = "failureReason (Lattice) or error_reason (ALB)" }
-- latency_ms = { type = "double", about = "all of the request; NULL for websocket and tls, whose duration is a connection's life" }
-- front_door_ms = { type = "double", about = "until the request was with the target; NULL where the log cannot tell" }
-- target_ms = { type = "double", about = "until the target began to answer; NULL where the log cannot tell" }
-- response_ms = { type = "double", about = "sending the response; NULL where the log cannot tell" }
-- bytes_in = { type = "bigint", about = "bytes received from the caller" }
-- bytes_out = { type = "bigint", about = "bytes sent to the caller" }
-- tls_version = { type = "varchar", about = "TLS version; NULL without TLS" }
-- user_agent = { type = "varchar", about = "User-Agent, as logged" }
-- trace_id = { type = "varchar", about = "X-Amzn-Trace-Id; ALB only, the client has a say in it" }
-- conn_trace_id = { type = "varchar", about = "the connection, as in alb_connection; ALB only" }
-- request_id = { type = "varchar", about = "x-amzn-requestid; Lattice only, the client has a say in it" }
-- log_object = { type = "varchar", about = "source object" }
-- log_line = { type = "integer", about = "line in it, from 1" }
-- day = { type = "date", about = "day of time, UTC" }
-- ---
-- One row per request (or TLS connection) through either front door, with names.
-- The same request in a service network's and in the service's own logs counts once: where the service's own
-- subscription delivered in that hour, the network's lines are left out. What is known by the hour is looked up from the
-- session's first hour on: its history has no requests.
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
    on case when p.name is null then r.caller_vpc end = a.vpc
    and r.caller_ip = a.ip
    and hour_of(r.time) = a.hour
    and a.hour >= first_hour()
anti join own_subscriptions as o
    on case when contains(r.log_object, '/sn-') then split_part(r.service, '/', 2) end = o.service_id
    and hour_of(r.time) = o.hour
union all
select
    r.time,
    r.kind,
    r.front_door,
    r.service_network,
    r.service,
    coalesce(r.callee_name, r.service, 'unknown') as callee,
    coalesce(p.name, a.name, key_name(r.key)) as caller,
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
from (
    -- The key is made once, then taken apart: key_name reads its argument nine times, and each is planned.
    select
        r.* replace (
            c.subject as caller_cert_subject,
            coalesce(x.vpc, v.vpc) as caller_vpc,
            coalesce(y.vpc, w.vpc) as target_vpc
        ),
        caller_key(null, c.subject, coalesce(x.vpc, v.vpc), r.caller_ip) as key
    from (
        -- Whom it called goes first: where one is asked about, nothing else is looked up for calls of the others.
        select
            r.* replace (coalesce(g.service, h.service, r.service) as service),
            r.service as elb,
            s.name as callee_name
        from (
            select
                *,
                hour_of(time) as hour
            from alb_requests
        ) as r
        left join alb_target_groups as g
            on r.service = g.elb
            and r.target_group = g.target_group
        left join alb_own_hosts as h
            on r.service = h.elb
            and case when r.target_group is null then r.host end = h.host
        left join service_names as s
            on coalesce(g.service, h.service, r.service) = s.service
    ) as r
    left join client_certificates as c
        on r.conn_trace_id = c.conn_trace_id
    left join alb_peers as x
        on r.elb = x.elb
        and r.caller_ip = x.ip
        and r.hour = x.hour
        and x.hour >= first_hour()
    left join address_vpcs as v
        on r.caller_ip = v.ip
        and r.hour = v.hour
        and v.hour >= first_hour()
    left join alb_target_vpcs as y
        on r.elb = y.elb
        and r.target_ip = y.ip
        and r.hour = y.hour
        and y.hour >= first_hour()
    left join address_vpcs as w
        on r.target_ip = w.ip
        and r.hour = w.hour
        and w.hour >= first_hour()
) as r
left join principal_names as p
    on r.caller_cert_subject = p.principal
left join address_names as a
    on case when p.name is null then r.caller_vpc end = a.vpc
    and r.caller_ip = a.ip
    and r.hour = a.hour
    and a.hour >= first_hour()
