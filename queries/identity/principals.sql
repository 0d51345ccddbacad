-- Every principal and the node it is: a service's when at least 95 % of at least 20 sightings are at addresses that were,
-- in that hour and VPC, targets of that service alone; otherwise its own, with the reason. A sighting whose VPC nothing
-- tells (a certificate at a load balancer, overlapping CIDRs) speaks neither for nor against.
with owners as (
    select
        hour,
        vpc,
        ip,
        count(distinct node) as services,
        any_value(node) as node
    from targets
    where vpc is not null
    group by hour, vpc, ip
    having sum(sightings) > 0
),

sighted as (
    select
        s.principal,
        s.sightings,
        o.services,
        case when o.services = 1 then o.node end as node
    from sources as s
    left join owners as o
        on s.hour = o.hour
        and s.vpc = o.vpc
        and s.ip = o.ip
    where s.vpc is not null
),

totals as (
    select
        principal,
        sum(sightings) as sightings,
        coalesce(sum(sightings) filter (services > 1), 0) as shared,
        coalesce(sum(sightings) filter (services is null), 0) as elsewhere
    from sighted
    group by principal
),

best as (
    select
        principal,
        node,
        sum(sightings) as agreeing
    from sighted
    where node is not null
    group by principal, node
    qualify row_number() over (partition by principal order by agreeing desc, node) = 1
)

select
    k.principal,
    case
        when o.node is not null then o.node
        when t.sightings >= 20 and b.agreeing >= 0.95 * t.sightings then b.node
        else k.principal
    end as node,
    coalesce(t.sightings, 0) as sightings,
    coalesce(b.agreeing, 0) as agreeing,
    b.node as candidate,
    case
        when o.reason is not null then o.reason
        when t.sightings is null then 'kept apart: its addresses exist in several VPCs'
        when b.node is null and t.shared > 0 then 'kept apart: its addresses are targets of several services'
        when b.node is null then 'no service answers at its addresses'
        when t.sightings < 20 then 'kept apart: fewer than 20 sightings'
        when b.agreeing >= 0.95 * t.sightings
            then 'one node: calls from the addresses at which the service answers'
        when t.shared > t.elsewhere then 'kept apart: its addresses are targets of several services'
        else 'kept apart: calls from other addresses too'
    end as reason
from (select distinct principal from sources) as k
left join totals as t
    on k.principal = t.principal
left join best as b
    on k.principal = b.principal
left join overrides as o
    on k.principal = o.id
