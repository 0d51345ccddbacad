-- ---
-- title = "No Lambda relays"
-- question = "Which Lambda functions do nothing but call one private service?"
-- place = 10
-- practice = """
-- EventBridge and Step Functions reach private services directly, over a connection and a resource configuration. A Lambda
-- function that only passes events on to one private endpoint is one more thing to run, and to fail."""
-- reference = "https://aws.github.io/aws-networking-best-practices/application-networking/service-to-service/#calling-vpc-based-services-from-amazon-eventbridge-and-aws-step-functions"
-- about = """
-- One row per Lambda function seen as a caller: a role's session that is named after the function (ECS, EC2, EKS and the SDKs name
-- theirs otherwise), or an unsigned caller at an interface of type lambda. It follows when its caller calls more than one
-- service. Who calls one service, while others call from its address without the signature of a role, cannot be told: they may be
-- the function itself. The report lambda_callers says more of each."""
-- blind = """
-- What triggers a function and what else it does (other AWS services, the internet) is in none of these logs: a relay here is a
-- candidate. Functions that do not sign are seen only where flow records name the interface type."""
-- action = """
-- Look at the function's code: when it only forwards, point the EventBridge rule or the Step Functions task at a connection to the
-- private API, and compare with the report resource_calls."""
-- says = "{followed:,.0f} of {counted:,.0f} Lambda functions do more than call one private service"
-- unit = "functions"
-- sources = ["lattice_access"]
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- followed_from = { type = "double", default = 1.0, about = "share of functions from which the practice is followed" }
-- partly_from = { type = "double", default = 0.5, about = "share of functions from which it is partly followed" }
-- [columns]
-- subject = { type = "varchar", about = "function, else the caller's name" }
-- reason = { type = "varchar", about = "relay, or shared_address when others call from its address, who may be it; NULL when it calls several services" }
-- followed = { type = "double", about = "1 when it calls several services, else 0" }
-- counted = { type = "double", about = "1; 0 when the logs cannot tell" }
-- share = { type = "double", about = "followed / counted; NULL when the logs cannot tell" }
-- verdict = { type = "varchar", about = "followed, not followed, or not seen in these logs" }
-- finding = { type = "varchar", about = "what does not follow, in words" }
-- callees = { type = "bigint", about = "services it calls" }
-- requests = { type = "bigint", about = "requests in the window" }
-- evidence = { type = "varchar", about = "why it is a function: session or interface" }
-- caller = { type = "varchar", about = "display name of the caller's node", wide = true }
-- caller_principal = { type = "varchar", about = "role it signs with", wide = true }
-- last_seen = { type = "timestamp with time zone", about = "last request; by interface, its hour" }
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

made as (
    select
        c.caller,
        c.callee,
        c.vpc,
        c.ip,
        sum(c.requests) as requests,
        max(c.hour) as last_seen
    from window_calls($since, $until) as c
    group by c.caller, c.callee, c.vpc, c.ip
),

callees as (
    select
        m.caller,
        count(distinct m.callee) as callees
    from made as m
    group by m.caller
),

-- Sessions are in no rollup: raw lines, counted before they get their names.
sessions as (
    select
        r.caller_principal,
        r.caller_session,
        r.service,
        count(*) as requests,
        max(r.time) as last_seen
    from lattice_requests as r
    where r.time >= $since
        and r.time < $until
        and contains(r.caller_principal, ':role/')
        and not regexp_full_match(
            r.caller_session, '[0-9a-f]{32}|i-[0-9a-f]+|eks-.*|[0-9]{16,}|botocore-session-.*|aws-go-sdk-.*'
        )
        and not exists (
            select 1
            from own_subscriptions as o
            where case when r.subscription = 'network' then split_part(r.service, '/', 2) end = o.service_id
                and hour_of(r.time) = o.hour
        )
    group by r.caller_principal, r.caller_session, r.service
),

functions as (
    select
        s.caller_session as function_name,
        coalesce(p.name, key_name(s.caller_principal)) as caller,
        s.caller_principal,
        coalesce(n.name, s.service) as callee,
        s.requests,
        s.last_seen,
        'session' as evidence
    from sessions as s
    left join principal_names as p
        on s.caller_principal = p.principal
    left join service_names as n
        on s.service = n.service
    union all
    select
        null,
        m.caller,
        null,
        m.callee,
        m.requests,
        m.last_seen,
        'interface'
    from made as m
    inner join lambda_addresses as a
        on m.vpc = a.vpc
        and m.ip = a.ip
),

judged as (
    select
        f.function_name,
        f.caller,
        f.caller_principal,
        f.evidence,
        sum(f.requests) as requests,
        max(f.last_seen) as last_seen,
        arg_max(f.callee, (f.requests, f.callee)) as callee,
        any_value(c.callees) as callees,
        case when any_value(c.callees) = 1 then any_value(b.callers) end as beside,
        (any_value(c.callees) > 1)::integer as followed,
        (beside is null)::integer as counted
    from functions as f
    inner join callees as c
        on f.caller = c.caller
    left join called_beside($since, $until) as b
        on f.caller_principal = b.principal
    group by f.function_name, f.caller, f.caller_principal, f.evidence
)

select
    coalesce(j.function_name, j.caller) as subject,
    case
        when j.beside is not null then 'shared_address'
        when j.callees = 1 then 'relay'
    end as reason,
    j.followed::double as followed,
    j.counted::double as counted,
    (j.followed / nullif(j.counted, 0))::double as share,
    practice_verdict(j.followed, j.counted, $followed_from, $partly_from) as verdict,
    case
        when j.callees = 1 then 'calls ' || j.callee || ' alone, ' || counted_text(j.requests) || ' requests'
            || coalesce('; but from its address there are also calls as ' || j.beside || ', which may be its own', '')
    end as finding,
    j.callees,
    j.requests::bigint as requests,
    j.evidence,
    j.caller,
    j.caller_principal,
    j.last_seen
from judged as j
order by j.callees = 1 and j.counted = 1 desc, j.callees = 1 desc, j.requests desc, subject, j.caller
