-- Every service that was called: its id, the node it is in the graph, and what it can be called for short. A load
-- balancer with one service behind it is that service; with several it is a node of its own, for what no rule forwarded.
with lattice_services as (
    select
        service,
        any_value(front_door) as front_door
    from called_services
    where front_door = 'lattice'
        and service is not null
    group by service
),

load_balancers as (
    select
        c.service,
        count(distinct g.service) as behind,
        min(g.service) as only_one
    from (
        select distinct service
        from called_services
        where front_door = 'alb'
            and service is not null
    ) as c
    left join alb_target_groups as g
        on c.service = g.elb
    group by c.service
),

found as (
    select
        l.service,
        'lattice' as front_door,
        coalesce(t.behind, l.service) as node,
        h.host,
        case
            when is_own_domain(h.host) then split_part(h.host, '.', 1)
            -- AWS's own name for it is <service name>-<id>.
            when h.host is not null
                then replace(split_part(h.host, '.', 1), '-' || substr(split_part(l.service, '/', 2), 5), '')
            else split_part(l.service, '/', 2)
        end as label,
        coalesce(h.host, split_part(l.service, '/', 2)) as long_label
    from lattice_services as l
    left join lattice_hosts as h
        on l.service = h.service
    left join seen_through as t
        on l.service = t.service
    union all
    select distinct
        service,
        'alb',
        service,
        host,
        case when is_own_domain(host) then split_part(host, '.', 1) else host end,
        host || ', ' || split_part(elb, '/', 2)
    from alb_target_groups
    union all
    select
        service,
        'alb',
        case when behind = 1 then only_one else service end,
        null,
        split_part(service, '/', 2),
        service
    from load_balancers
)

select
    f.service,
    f.front_door,
    coalesce(o.node, min(o.node) over (partition by f.node), f.node) as node,
    f.host,
    coalesce(o.name, min(o.name) over (partition by f.node), f.label) as label,
    coalesce(o.name, min(o.name) over (partition by f.node), f.long_label) as long_label
from found as f
left join overrides as o
    on f.service = o.id
