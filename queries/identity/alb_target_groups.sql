-- The service behind a target group of a load balancer: the host that most of its requests carry, names of an own
-- domain first. A domain of less than 1 % of the requests is somebody's invention (the Host header is the client's).
with hosts as (
    select
        service as elb,
        target_group,
        host,
        sum(requests) as requests,
        is_own_domain(host)
            and sum(requests) >= 0.01 * sum(sum(requests)) over (partition by service, target_group) as is_own
    from called_hosts
    where front_door = 'alb'
        and target_group is not null
        and host <> 'other'
    group by service, target_group, host
    having sum(requests) > 0
)

select
    elb,
    target_group,
    host,
    elb || '#' || host as service
from hosts
qualify row_number() over (
    partition by elb, target_group
    order by
        is_own desc,
        requests desc,
        host
) = 1
