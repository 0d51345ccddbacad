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
-- outcome = { type = "varchar", about = "ok (below 400), client_error (400 to 499, or the caller left before it had all of a response), denied (refused before the application), server_error, or no_response (a response was due and none came)" }
-- auth_decision = { type = "varchar", about = "allowed, denied or not_evaluated" }
-- denied_by = { type = "varchar", about = "service_policy, network_policy, identity_policy, unknown_policy (one of these; the log does not say which), waf, alb_auth, alb_rule; or application: the application's own 403, whose outcome is client_error" }
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
-- The VPC of a target behind a load balancer is looked up here and not in named_requests: few questions ask for it, and DuckDB
-- does every lookup of a view, whether or not it is asked for.
select r.* exclude (logged_service, is_denied) replace (coalesce(r.target_vpc, y.vpc, w.vpc) as target_vpc)
from named_requests as r
left join alb_target_vpcs as y
    on case when r.front_door = 'alb' then r.logged_service end = y.elb
    and r.target_ip = y.ip
    and hour_of(r.time) = y.hour
    and y.hour >= first_hour()
left join address_vpcs as w
    on case when r.front_door = 'alb' then r.target_ip end = w.ip
    and hour_of(r.time) = w.hour
    and w.hour >= first_hour()
