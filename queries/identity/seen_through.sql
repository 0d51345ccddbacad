-- Lattice services whose target is a load balancer, and the service behind it: at least 95 % of the service's targets
-- are nodes of one load balancer, and that one answers Lattice (caller 'lattice') for a host. The same host on both
-- sides is preferred (Lattice passes the Host header on), else the host that Lattice asks it for most.
with lattice_targets as (
    select
        e.id as service,
        n.elb,
        sum(e.sightings) as sightings
    from daily_endpoints as e
    left join alb_nodes as n
        on e.ip = n.ip
    where e.side = 'target'
        and contains(e.id, ':service/svc-')
    group by e.id, n.elb
),

fronted as (
    select
        service,
        max(elb) as elb
    from lattice_targets
    group by service
    having count(distinct elb) = 1
        and sum(sightings) filter (elb is not null) >= 0.95 * sum(sightings)
),

behind as (
    select
        r.elb,
        g.service,
        r.host,
        sum(r.requests) as requests
    from relayed_hosts as r
    inner join alb_target_groups as g
        on r.elb = g.elb
        and r.target_group = g.target_group
    group by r.elb, g.service, r.host
)

select
    f.service,
    f.elb,
    b.service as behind
from fronted as f
inner join behind as b
    on f.elb = b.elb
left join lattice_hosts as h
    on f.service = h.service
qualify row_number() over (
    partition by f.service
    order by b.host is not distinct from h.host desc, b.requests desc, b.service
) = 1
