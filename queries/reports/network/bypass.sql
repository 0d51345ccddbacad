-- ---
-- title = "Past the front door"
-- question = "Which accepted flows went straight to a target that is otherwise reached through Lattice or a load balancer?"
-- about = """
-- The client is neither Lattice nor a node of the load balancer, and a front door (or its health check) connected to the
-- same address and port within live_minutes, so an address that a deploy gave to something else does not count. The check
-- of that name watches the same. Without flow records of the target's VPC nothing is found: see complete_until."""
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- min_flows = { type = "bigint", default = 3, about = "accepted flow records, at least" }
-- live_minutes = { type = "bigint", default = 10, about = "a front door connected to the target this near to the flow" }
-- [columns]
-- caller = { type = "varchar", about = "client's display name" }
-- callee = { type = "varchar", about = "display name of the service that answers at the target" }
-- flows = { type = "bigint", about = "accepted flow records past the front door" }
-- bytes = { type = "bigint", about = "bytes of these, in both directions" }
-- calls = { type = "bigint", about = "requests of that caller to that service through a front door in the window" }
-- denied = { type = "bigint", about = "of these, refused there" }
-- first_seen = { type = "timestamp with time zone", about = "first of the flows" }
-- last_seen = { type = "timestamp with time zone", about = "end of the last one" }
-- client_ips = { type = "varchar[]", about = "addresses of the client, at most 10" }
-- targets = { type = "varchar[]", about = "ip:port of the targets, at most 10" }
-- vpc = { type = "varchar", about = "VPC of the target; where several have targets, that of the last flow" }
-- caller_principal = { type = "varchar", about = "role seen at its addresses, where there is one alone" }
-- complete_until = { type = "timestamp with time zone", about = "until when flow records are complete; NULL: there are none" }
-- ---
select
    d.caller,
    d.callee,
    d.flows,
    d.bytes,
    coalesce(c.requests, 0)::bigint as calls,
    coalesce(c.denied, 0)::bigint as denied,
    d.first_at as first_seen,
    d.last_at as last_seen,
    d.client_ips,
    d.targets,
    d.vpc,
    d.caller_principal,
    (select w.complete_until from watermarks as w where w.source = 'vpc_flow') as complete_until
from direct_connections($since, $until, $min_flows, $live_minutes) as d
left join (
    select
        caller,
        callee,
        sum(requests) as requests,
        sum(denied) as denied
    from calls
    where minute >= $since
        and minute < $until
    group by caller, callee
) as c
    on d.caller = c.caller
    and d.callee = c.callee
order by d.flows desc, d.caller, d.callee
