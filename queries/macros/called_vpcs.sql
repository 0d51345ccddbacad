-- The VPC in which a service is called in [begin_at, end_at): where most of a Lattice service's requests were answered, and
-- where a load balancer's nodes are. A service that no log places is left out.
create or replace temp macro called_vpcs(begin_at, end_at) as table
select
    e.id as service,
    arg_max(e.vpc, (e.sightings, e.vpc)) as vpc
from (
    select
        id,
        vpc,
        sum(sightings) as sightings
    from endpoint_hours
    where side = 'target'
        and vpc is not null
        and hour >= hour_of(begin_at)
        and hour < end_at
    group by id, vpc
    having sum(sightings) > 0
) as e
group by e.id
union all
select
    elb,
    min(vpc)
from alb_interfaces
group by elb
having count(distinct vpc) = 1;
