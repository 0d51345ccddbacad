-- ---
-- title = "Lambda functions that call"
-- question = "Which callers are Lambda functions, what do they call, and which do nothing but relay to one service?"
-- about = """
-- Lambda signs with a session named after the function, the same from every address; ECS and EC2 sessions are ids (32
-- hexadecimal digits, i-...), EKS, Roles Anywhere and EventBridge have names of their own kind. So a name is a hint
-- (session); an interface of type lambda in the flow records (field interface-type) is proof (interface). Unsigned functions
-- are not in it unless flow records name the interface. A relay calls one service only: consider a resource configuration."""
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- [columns]
-- caller = { type = "varchar", about = "display name of the caller's node" }
-- function_name = { type = "varchar", about = "session name, which is the function's name; NULL for an unsigned one" }
-- evidence = { type = "varchar", about = "interface, session, or both" }
-- callees = { type = "bigint", about = "services its node calls, signed or not" }
-- callee = { type = "varchar", about = "the one it calls most" }
-- relay = { type = "boolean", about = "it calls one service only" }
-- requests = { type = "bigint", about = "requests in the window" }
-- failed = { type = "bigint", about = "server errors and missing responses" }
-- denied = { type = "bigint", about = "refused before the application" }
-- addresses = { type = "bigint", about = "addresses it called from" }
-- caller_principal = { type = "varchar", about = "role it signs with" }
-- caller_vpc = { type = "varchar", about = "VPC it calls from" }
-- last_seen = { type = "timestamp with time zone", about = "last request" }
-- ---
select
    f.caller,
    f.function_name,
    f.evidence,
    f.callees,
    f.callee,
    f.relay,
    f.requests,
    f.failed,
    f.denied,
    f.addresses,
    f.caller_principal,
    f.caller_vpc,
    f.last_seen
from lambda_functions($since, $until) as f
order by f.requests desc, f.caller, f.function_name
