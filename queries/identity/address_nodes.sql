-- Every node that the logs show at an address in an hour, and as what: as target, as source, or as a load balancer's node;
-- at it or at the other address of its interface.
with shown as (
    select
        hour,
        vpc,
        ip,
        node,
        'a service answered here' as reason
    from targets
    union all
    select
        s.hour,
        s.vpc,
        s.ip,
        p.node,
        'a principal called from here'
    from sources as s
    inner join principal_names as p
        on s.principal = p.principal
    union all
    select
        a.hour,
        a.vpc,
        a.ip,
        s.node,
        'a load balancer''s node'
    from interface_addresses as a
    inner join (
        select distinct
            elb,
            interface_id
        from alb_interfaces
    ) as i
        on a.interface_id = i.interface_id
    inner join services as s
        on i.elb = s.service
)

select *
from shown
union
select
    a.hour,
    a.vpc,
    b.sibling,
    a.node,
    a.reason
from shown as a
inner join siblings as b
    on a.hour = b.hour
    and a.vpc = b.vpc
    and a.ip = b.ip
