-- ---
-- title = "Refused by the application itself"
-- question = "Which 403 are the application's own, after every policy had let the call through?"
-- about = """
-- No policy change helps here: the request reached the service and the service said no. A load balancer's fixed 403, WAF
-- and Lattice's policies are not in it; they are in denied_callers."""
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- at_most = { type = "bigint", default = 100, about = "number of rows" }
-- [columns]
-- caller = { type = "varchar", about = "display name of the caller's node" }
-- callee = { type = "varchar", about = "display name of the callee's node" }
-- method = { type = "varchar", about = "HTTP method" }
-- path = { type = "varchar", about = "path up to its second slash" }
-- refused = { type = "bigint", about = "403 (gRPC 7) that the application answered" }
-- requests = { type = "bigint", about = "requests of that caller with that method and path that reached the application" }
-- share = { type = "double", about = "refused / requests, 0 to 1" }
-- policy = { type = "varchar", about = "what the policies had decided: allowed, not_evaluated, or both" }
-- first_seen = { type = "timestamp with time zone", about = "first 403" }
-- last_seen = { type = "timestamp with time zone", about = "last 403" }
-- caller_principal = { type = "varchar", about = "one principal the caller signed with" }
-- ---
with reached as (
    select
        r.caller,
        r.callee,
        r.method,
        regexp_extract(r.path, '^/[^/]*') as path,
        r.time,
        r.denied_by,
        r.auth_decision,
        r.caller_principal
    from edge_requests as r
    where r.time >= $since
        and r.time < $until
        and r.outcome <> 'denied'
        -- A Lambda function has no address: a load balancer tells its status, Lattice its target group.
        and (
            r.denied_by = 'application'
            or r.target_ip is not null
            or r.target_status is not null
            or (r.front_door = 'lattice' and r.target_group is not null)
        )
)

select
    t.caller,
    t.callee,
    t.method,
    t.path,
    count(*) filter (t.denied_by = 'application') as refused,
    count(*) as requests,
    count(*) filter (t.denied_by = 'application') / count(*) as share,
    string_agg(distinct t.auth_decision, ', ' order by t.auth_decision) filter (t.denied_by = 'application') as policy,
    min(t.time) filter (t.denied_by = 'application') as first_seen,
    max(t.time) filter (t.denied_by = 'application') as last_seen,
    min(t.caller_principal) filter (t.denied_by = 'application') as caller_principal
from reached as t
group by t.caller, t.callee, t.method, t.path
having count(*) filter (t.denied_by = 'application') > 0
order by refused desc, t.caller, t.callee, t.method, t.path
limit $at_most
