-- Requests that are edges of the graph: all but the leg from Lattice to a load balancer that is its target, because the
-- Lattice line already is that call.
select r.*
from requests as r
anti join seen_through as t
    on case when r.front_door = 'alb' and is_lattice_address(r.caller_ip) then split_part(r.service, '#', 1) end = t.elb
