-- Every five minutes that a source delivered something for in [begin_at, end_at), and when it did next (NULL: not again).
-- taken_over: another source of the same kind, account and region began, or began again, where this one paused. AWS
-- cannot change a flow log, so every change of its format is a new flow log and the end of an old one.
create or replace temp macro deliveries(begin_at, end_at) as table
with slots as (
    select
        *,
        lag(slot) over w as last_slot,
        lead(slot) over w as next_slot
    from (
        select
            source,
            format,
            kin,
            delivery_slot(max_time) as slot,
            max(log_object) as log_object
        from delivered_objects
        where max_time >= begin_at
            and max_time < end_at
            and source is not null
        group by all
    )
    window w as (partition by source order by slot)
),

-- Who begins in a slot takes over in it and in the two before it.
heirs as (
    select
        kin,
        slot,
        min(source) as first_heir,
        max(source) as last_heir
    from (
        select
            source,
            kin,
            unnest([slot, slot - interval 5 minutes, slot - interval 10 minutes]) as slot
        from slots
        where last_slot is distinct from slot - interval 5 minutes
    )
    group by kin, slot
)

select
    s.source,
    s.format,
    s.slot,
    s.next_slot,
    coalesce(h.first_heir <> s.source or h.last_heir <> s.source, false) as taken_over,
    s.log_object
from slots as s
left join heirs as h
    on s.kin = h.kin
    and s.slot = h.slot;

-- Sources of deliveries and how regular they were: the share of their objects that the next five minutes followed up.
create or replace temp macro delivering(begin_at, end_at) as table
select
    d.source,
    any_value(d.format) as format,
    count(*) as delivered,
    count(*) filter (d.next_slot = d.slot + interval 5 minutes or (d.next_slot is not null and d.taken_over))
        / nullif(count(d.next_slot), 0) as regular,
    min(d.slot) as first_slot,
    max(d.slot) + interval 5 minutes as delivered_until,
    arg_max(d.taken_over, d.slot) as taken_over,
    arg_max(d.log_object, (d.slot, d.log_object)) as log_object
from deliveries(begin_at, end_at) as d
group by d.source;
