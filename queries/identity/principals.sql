-- Every principal and the node it is: a service's when 95 % or more of its sightings, and at least 20 of them, are at
-- addresses that were targets of that service in that hour and VPC, and no other service fits as well; otherwise its own,
-- with the reason.
with totals as (
    select
        principal,
        sum(sightings) as sightings,
        coalesce(sum(sightings) filter (verdict in ('told', 'elsewhere')), 0) as telling,
        coalesce(sum(sightings) filter (verdict = 'elsewhere'), 0) as elsewhere,
        coalesce(sum(sightings) filter (verdict = 'beside others'), 0) as beside_others,
        coalesce(sum(sightings) filter (verdict = 'handed on'), 0) as handed_on
    from sightings
    where verdict <> 'nowhere'
    group by principal
),

agreed as (
    select
        principal,
        node,
        sum(sightings) as agreeing
    from (
        select
            principal,
            sightings,
            unnest(nodes) as node
        from sightings
        where verdict = 'told'
    )
    group by principal, node
),

best as (
    select
        principal,
        node,
        agreeing
    from agreed
    qualify row_number() over (partition by principal order by agreeing desc, node) = 1
),

-- Another service at the same addresses: how often it fits, and how often it does where the best one does.
rivals as (
    select
        principal,
        max(agreeing) as agreeing,
        coalesce(max(together), 0) as together
    from (
        select
            s.principal,
            s.rival,
            sum(s.sightings) as agreeing,
            sum(s.sightings) filter (list_contains(s.nodes, b.node)) as together
        from (
            select
                *,
                unnest(nodes) as rival
            from sightings
            where verdict = 'told'
        ) as s
        inner join best as b
            on s.principal = b.principal
            and s.rival <> b.node
        group by s.principal, s.rival
    )
    group by principal
),

judged as (
    select
        t.*,
        b.node as candidate,
        coalesce(b.agreeing, 0) as agreeing,
        coalesce(r.together, 0) as together,
        b.agreeing - coalesce(r.together, 0) >= 20
            and b.agreeing >= 0.95 * t.telling
            and coalesce(r.agreeing, 0) < 0.95 * t.telling as is_one
    from totals as t
    left join best as b
        on t.principal = b.principal
    left join rivals as r
        on t.principal = r.principal
)

select
    k.principal,
    case
        when o.node is not null then o.node
        when j.is_one then j.candidate
        else k.principal
    end as node,
    coalesce(j.sightings, 0) as sightings,
    coalesce(j.agreeing, 0) as agreeing,
    j.candidate,
    case
        when o.reason is not null then o.reason
        when j.sightings is null then 'kept apart: its addresses exist in several VPCs'
        when j.is_one then 'one node: calls from the addresses at which the service answers'
        when j.elsewhere > 0.05 * j.telling and j.elsewhere >= j.beside_others + j.handed_on
            then case
                when j.candidate is null then 'no service answers at its addresses'
                else 'kept apart: calls from other addresses too'
            end
        when j.sightings < 20 then 'kept apart: fewer than 20 sightings'
        when j.beside_others > 0 and j.beside_others >= greatest(j.handed_on, j.together)
            then 'kept apart: others call from its addresses too'
        when j.handed_on > 0 and j.handed_on >= j.together then 'kept apart: its addresses changed hands within the hour'
        when j.together > 0 then 'kept apart: its addresses are targets of several services'
        when j.elsewhere > 0.05 * j.telling then 'kept apart: calls from other addresses too'
        else 'kept apart: fewer than 20 sightings'
    end as reason
from (select distinct principal from sightings) as k
left join judged as j
    on k.principal = j.principal
left join overrides as o
    on k.principal = o.id
