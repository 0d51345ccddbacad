-- What a service of the rollups is called, and its id, by target group.
select
    e.service as logged,
    e.target_group,
    coalesce(g.service, e.service) as service,
    coalesce(s.name, g.service, e.service, 'unknown') as callee
from (
    select distinct
        service,
        target_group
    from called_services
) as e
left join alb_target_groups as g
    on e.service = g.elb
    and e.target_group = g.target_group
left join service_names as s
    on coalesce(g.service, e.service) = s.service
