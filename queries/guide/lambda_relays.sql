-- ---
-- title = "No Lambda relays"
-- question = "Which Lambda functions do nothing but call one private service?"
-- place = 10
-- practice = """
-- EventBridge and Step Functions reach private services directly, over a connection and a resource configuration. A Lambda
-- function that only passes events on to one private endpoint is one more thing to run, and to fail."""
-- reference = "https://aws.github.io/aws-networking-best-practices/application-networking/service-to-service/#calling-vpc-based-services-from-amazon-eventbridge-and-aws-step-functions"
-- about = """
-- One row per Lambda function seen as a caller (told by its session's name or its interface, as in the report lambda_callers). It
-- follows when it calls more than one service."""
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
-- reason = { type = "varchar", about = "relay; NULL when it calls several services" }
-- followed = { type = "double", about = "1 when it calls several services, else 0" }
-- counted = { type = "double", about = "1" }
-- share = { type = "double", about = "followed / counted" }
-- verdict = { type = "varchar", about = "followed or not followed" }
-- finding = { type = "varchar", about = "what does not follow, in words" }
-- callees = { type = "bigint", about = "services it calls" }
-- requests = { type = "bigint", about = "requests in the window" }
-- evidence = { type = "varchar", about = "why it is a function: interface, session, or both" }
-- caller = { type = "varchar", about = "display name of the caller's node", wide = true }
-- caller_principal = { type = "varchar", about = "role it signs with", wide = true }
-- last_seen = { type = "timestamp with time zone", about = "last request" }
-- ---
select
    coalesce(f.function_name, f.caller) as subject,
    case when f.relay then 'relay' end as reason,
    case when f.relay then 0.0 else 1.0 end::double as followed,
    1::double as counted,
    case when f.relay then 0.0 else 1.0 end::double as share,
    practice_verdict(case when f.relay then 0 else 1 end, 1, $followed_from, $partly_from) as verdict,
    case when f.relay then 'calls ' || f.callee || ' alone, ' || counted_text(f.requests) || ' requests' end as finding,
    f.callees,
    f.requests,
    f.evidence,
    f.caller,
    f.caller_principal,
    f.last_seen
from lambda_functions($since, $until) as f
order by f.relay desc, f.requests desc, subject
