-- ---
-- title = "Accepted flows past the front door"
-- question = "Who connects straight to a target that is otherwise reached through Lattice or a load balancer?"
-- severity = "ticket"
-- about = """
-- A connection was accepted at the address and port of a target, in the target's own VPC, and its client is neither
-- Lattice nor a node of the load balancer: nobody checked the caller there. The target must be one at that time: a front
-- door (or its health check) connected to it within 10 minutes, so an address that a deploy gave to something else does
-- not count. A metrics scraper that connects to the service's own port is such a client too; it is found once and its
-- finding stays open."""
-- runbook = """
-- Who owns the client address? If it should go through the front door, its security group must not be allowed at the
-- target: allow the Lattice prefix list and the load balancer's group alone. A caller that is denied at the front door
-- and then goes straight deserves a security incident."""
-- reference = "https://docs.aws.amazon.com/vpc-lattice/latest/ug/security-groups.html"
-- sources = ["vpc_flow"]
-- window_minutes = 60
-- history_hours = 24
-- key = ["client", "service"]
-- [params]
-- baseline_since = { type = "timestamptz", about = "start of the baseline" }
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window" }
-- min_flows = { type = "bigint", default = 3, about = "accepted flow records in the window, at least" }
-- live_minutes = { type = "bigint", default = 10, about = "a front door connected to the target this near to the flow" }
-- [columns]
-- client = { type = "varchar", about = "node of the client, else its VPC and address" }
-- caller = { type = "varchar", about = "client's display name" }
-- caller_principal = { type = "varchar", about = "role seen at its addresses, where there is one alone" }
-- callee = { type = "varchar", about = "display name of the service that answers at the target" }
-- service = { type = "varchar", about = "id of that service's node" }
-- observed = { type = "double", about = "accepted flow records past the front door" }
-- expected = { type = "double", about = "0: nobody is expected" }
-- bytes = { type = "bigint", about = "bytes in both directions" }
-- vpc = { type = "varchar", about = "VPC of the target; where several have targets, that of the last flow" }
-- client_ips = { type = "varchar[]", about = "addresses of the client, at most 10" }
-- targets = { type = "varchar[]", about = "ip:port of the targets, at most 10" }
-- denied = { type = "bigint", about = "refusals of that caller at the front door since the baseline began" }
-- first_at = { type = "timestamp with time zone", about = "first of the flows" }
-- last_at = { type = "timestamp with time zone", about = "end of the last one" }
-- log_object = { type = "varchar", about = "object with the last of the flows" }
-- log_line = { type = "integer", about = "its line" }
-- title = { type = "varchar", about = "the finding in a sentence" }
-- ---
select
    d.client,
    d.caller,
    d.caller_principal,
    d.callee,
    d.service,
    d.flows::double as observed,
    0::double as expected,
    d.bytes,
    d.vpc,
    d.client_ips,
    d.targets,
    coalesce(c.denied, 0)::bigint as denied,
    d.first_at,
    d.last_at,
    d.log_object,
    d.log_line,
    d.caller || ' goes straight to ' || d.callee || ' at ' || d.targets[1]
        || case when len(d.targets) > 1 then ' and ' || (len(d.targets) - 1) || ' more' else '' end
        || ', past the front door: ' || d.flows || ' accepted flows since ' || strftime(d.first_at, '%H:%M') || 'Z'
        || case when c.denied > 0 then '; the front door refused it ' || c.denied || ' times' else '' end as title
from direct_connections($since, $until, $min_flows, $live_minutes) as d
left join (
    select
        caller,
        callee,
        sum(denied) as denied
    from calls
    where minute >= $baseline_since
        and minute < $until
    group by caller, callee
) as c
    on d.caller = c.caller
    and d.callee = c.callee
order by observed desc, client, d.service
