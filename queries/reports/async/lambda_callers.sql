-- ---
-- title = "Lambda functions that call"
-- question = "Which callers are Lambda functions, what do they call, and which do nothing but relay to one service?"
-- about = """
-- Lambda signs with a session named after the function, the same from every address; ECS and EC2 sessions are ids (32
-- hexadecimal digits, i-...), EKS, Roles Anywhere and EventBridge have names of their own kind. So a name is a hint
-- (session); an interface of type lambda in the flow records (field interface-type) is proof (interface). Unsigned functions
-- are not in it unless flow records name the interface. A relay calls one service only: consider a resource configuration. Where
-- others call from its address without the signature of a role, they may be the function itself, and it cannot be told."""
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- [columns]
-- caller = { type = "varchar", about = "display name of the caller's node" }
-- function_name = { type = "varchar", about = "session name, which is the function's name; NULL for an unsigned one" }
-- evidence = { type = "varchar", about = "interface, session, or both" }
-- callees = { type = "bigint", about = "services its node calls, signed or not" }
-- callee = { type = "varchar", about = "the one it calls most" }
-- relay = { type = "boolean", about = "it calls one service only; NULL when others call from its address, who may be it" }
-- requests = { type = "bigint", about = "requests in the window" }
-- failed = { type = "bigint", about = "server errors and missing responses" }
-- denied = { type = "bigint", about = "refused before the application" }
-- addresses = { type = "bigint", about = "addresses it called from" }
-- caller_principal = { type = "varchar", about = "role it signs with" }
-- caller_vpc = { type = "varchar", about = "VPC it calls from" }
-- last_seen = { type = "timestamp with time zone", about = "last request" }
-- beside = { type = "varchar", about = "who else called from its addresses in the same hours, without the signature of a role", wide = true }
-- ---
with lambda_addresses as (
    select distinct
        f.vpc,
        f.src_ip as ip
    from connections as f
    where f.time >= $since
        and f.time < $until
        and f.interface_type = 'lambda'
        and f.direction = 'egress'
),

called as (
    select
        r.caller,
        r.caller_session,
        r.caller_principal,
        r.caller_ip,
        r.caller_vpc,
        r.callee,
        r.outcome,
        r.time,
        a.ip is not null as by_interface,
        coalesce(
            r.caller_session is not null
            and not regexp_full_match(r.caller_session, '[0-9a-f]{32}|i-[0-9a-f]+|eks-.*|[0-9]{16,}|botocore-session-.*|aws-go-sdk-.*')
            and contains(r.caller_principal, ':role/'),
            false
        ) as by_session
    from edge_requests as r
    left join lambda_addresses as a
        on r.caller_ip = a.ip
        and r.caller_vpc = a.vpc
    where r.time >= $since
        and r.time < $until
),

everything as (
    select
        caller,
        count(distinct callee) as callees
    from called
    group by caller
),

functions as (
    select
        caller,
        case when by_session then caller_session end as function_name,
        caller_principal,
        callee,
        bool_or(by_interface) as by_interface,
        bool_or(by_session) as by_session,
        count(*) as requests,
        count(*) filter (outcome in ('server_error', 'no_response')) as failed,
        count(*) filter (outcome = 'denied') as denied,
        list(distinct caller_ip) as ips,
        max(caller_vpc) as vpc,
        max(time) as last_seen
    from called
    where by_interface
        or by_session
    group by all
)

select
    f.caller,
    f.function_name,
    case
        when bool_or(f.by_interface) and bool_or(f.by_session) then 'both'
        when bool_or(f.by_interface) then 'interface'
        else 'session'
    end as evidence,
    any_value(e.callees) as callees,
    arg_min(f.callee, (-f.requests, f.callee)) as callee,
    case when any_value(e.callees) > 1 or any_value(b.callers) is null then any_value(e.callees) = 1 end as relay,
    sum(f.requests)::bigint as requests,
    sum(f.failed)::bigint as failed,
    sum(f.denied)::bigint as denied,
    len(list_distinct(flatten(list(f.ips)))) as addresses,
    f.caller_principal,
    max(f.vpc) as caller_vpc,
    max(f.last_seen) as last_seen,
    any_value(b.callers) as beside
from functions as f
inner join everything as e
    on f.caller = e.caller
left join called_beside($since, $until) as b
    on f.caller_principal = b.principal
group by f.caller, f.function_name, f.caller_principal
order by requests desc, f.caller, f.function_name, f.caller_principal
