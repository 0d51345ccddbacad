-- Requests that are edges of the graph: all but the leg from Lattice to a load balancer that is its target, because the
-- Lattice line already is that call. Without the target's VPC, which requests looks up.
select r.* exclude (logged_service, target_vpc)
from named_requests as r
anti join seen_through as t
    on relaying_elb(r.front_door, r.caller_ip, r.service) = t.elb
