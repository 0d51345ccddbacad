-- Every node of the graph that has a name of its own, with short and unique display names. A node that only is an
-- address is not listed: its name is made from its key, and no name here is one of these.
with candidates as (
    select
        node,
        'service' as kind,
        arg_min(label, (node <> service, service)) as base,
        arg_min(long_label, (node <> service, service)) as longer,
        list(service order by service) as ids,
        null as reason,
        false as looks_made
    from services
    group by node
    union all
    select
        node,
        case
            when contains(principal, ':role/') then 'role'
            when contains(principal, ':user/') then 'user'
            when starts_with(principal, 'arn:') then 'principal'
            else 'certificate'
        end,
        short_name(principal),
        short_name(principal) || ' (' || coalesce(account_of(principal), principal) || ')',
        [principal],
        reason,
        looks_made(short_name(principal), principal)
    from principals
    where node = principal
    union all
    select
        p.node,
        case when count(*) = 1 and contains(min(p.principal), ':user/') then 'user' else 'role' end,
        any_value(o.name),
        any_value(o.name),
        list(p.principal order by p.principal),
        any_value(p.reason),
        false
    from principals as p
    inner join overrides as o
        on p.principal = o.id
    where p.node not in (select s.node from services as s)
    group by p.node
    union all
    select
        a.node,
        'address',
        any_value(a.name),
        any_value(a.name),
        list(distinct a.vpc || '/' || a.ip order by a.vpc || '/' || a.ip),
        any_value(a.reason),
        false
    from address_overrides as a
    where a.node not in (select s.node from services as s)
        and a.node not in (select p.node from principals as p)
    group by a.node
),

counted as (
    select
        *,
        count(*) over (partition by base) as same,
        count(*) over (partition by base, kind = 'service') as same_of_kind,
        count(*) over (partition by base, kind) as same_of_own_kind,
        count(*) over (partition by longer) as same_longer
    from candidates
),

named as (
    select
        *,
        case
            when (same = 1 and not looks_made) or (kind = 'service' and same_of_kind = 1) then base
            when kind <> 'service' and same_of_own_kind = 1 then base || ' (' || kind || ')'
            when same_longer = 1 then longer
            else node
        end as name
    from counted
)

select
    c.node,
    c.kind,
    c.name,
    c.ids || coalesce(m.principals, []) as ids,
    coalesce(c.reason, m.reason) as reason
from named as c
left join (
    select
        node,
        list(principal order by principal) as principals,
        any_value(reason) as reason
    from principals
    where node <> principal
    group by node
) as m
    on c.node = m.node
    and c.kind = 'service'
