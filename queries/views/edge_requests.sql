-- Requests that are edges of the graph: all but the leg from Lattice to a load balancer that is its target, because the
-- Lattice line already is that call.
select *
from requests
where not (
        front_door = 'alb'
        and is_lattice_address(caller_ip)
        and split_part(service, '#', 1) in (select t.elb from seen_through as t)
    )
