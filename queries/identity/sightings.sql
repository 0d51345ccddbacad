-- What each sighting of a principal at an address says of who it is, by day: the services that answered there (nodes), and
-- the verdict. What speaks neither for nor against: a sighting whose VPC nothing tells (a certificate at a load balancer,
-- overlapping CIDRs), and one at an address that had more callers, or more interfaces one after the other, than services
-- that answered there: one of them is no service's.
with answered as (
    select
        hour,
        vpc,
        ip,
        list_sort(list(distinct node)) as nodes
    from targets
    where vpc is not null
    group by hour, vpc, ip
    having sum(sightings) > 0
),

held as (
    select
        hour,
        vpc,
        ip,
        count(interface_id) as holders
    from interface_addresses
    group by hour, vpc, ip
),

-- Who makes less than 5 % of the calls from an address is a passer-by. Principals and certificates each for themselves:
-- a service can have one of both.
calling as (
    select
        *,
        sightings >= 0.05 * sum(sightings) over (
            partition by hour, vpc, ip, starts_with(principal, 'arn:')
        ) as is_caller
    from sources
    where vpc is not null
),

counted as (
    select
        *,
        count(*) filter (is_caller) over (partition by hour, vpc, ip, starts_with(principal, 'arn:')) as callers
    from calling
),

sighted as (
    select
        c.hour::date as day,
        c.principal,
        c.sightings,
        a.nodes,
        case
            when a.nodes is null then 'elsewhere'
            when not c.is_caller or c.callers > len(a.nodes) then 'beside others'
            when h.holders > len(a.nodes) then 'handed on'
            else 'told'
        end as verdict
    from counted as c
    left join answered as a
        on c.hour = a.hour
        and c.vpc = a.vpc
        and c.ip = a.ip
    left join held as h
        on c.hour = h.hour
        and c.vpc = h.vpc
        and c.ip = h.ip
)

select
    day,
    principal,
    nodes,
    verdict,
    sum(sightings)::bigint as sightings
from sighted
group by all
union all
select
    hour::date,
    principal,
    null,
    'nowhere',
    sum(sightings)::bigint
from sources
where vpc is null
group by all
