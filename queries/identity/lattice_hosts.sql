-- The name a Lattice service is called by: as for target groups.
with hosts as (
    select
        service,
        host,
        sum(requests) as requests,
        is_own_domain(host)
            and sum(requests) >= 0.01 * sum(sum(requests)) over (partition by service) as is_own
    from called_hosts
    where front_door = 'lattice'
        and host <> 'other'
    group by service, host
    having sum(requests) > 0
)

select
    service,
    host
from hosts
qualify row_number() over (
    partition by service
    order by
        is_own desc,
        requests desc,
        host
) = 1
