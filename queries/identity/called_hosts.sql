-- How often each host was asked for, by service and target group, and whether it was Lattice that asked: read once for all
-- that services are called by. The window and the day before it tell; earlier hours are read for what nobody called since,
-- which most often is nothing: a week of minutes is a fifth of what opening a session would take.
with recent as (
    select
        front_door,
        service,
        target_group,
        host,
        coalesce(caller_key = 'lattice', false) as by_lattice,
        sum(requests) as requests
    from call_minutes
    where minute >= window_from() - interval 1 day
    group by front_door, service, target_group, host, by_lattice
),

quiet as (
    select
        service,
        target_group
    from edge_hours
    where hour < window_from() - interval 1 day
    except
    select
        service,
        target_group
    from recent
)

from recent
union all
select
    m.front_door,
    m.service,
    m.target_group,
    m.host,
    coalesce(m.caller_key = 'lattice', false) as by_lattice,
    sum(m.requests) as requests
from call_minutes as m
semi join quiet as q
    on m.service is not distinct from q.service
    and m.target_group is not distinct from q.target_group
where m.minute < window_from() - interval 1 day
group by m.front_door, m.service, m.target_group, m.host, by_lattice
