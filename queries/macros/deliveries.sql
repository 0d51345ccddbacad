-- Every five minutes that a source delivered something for in [begin_at, end_at), and when it did next (NULL: not again).
-- taken_over: it is a flow log, and another one of its account and region began where it paused. AWS cannot change a flow
-- log, so every change of its format is a new flow log and the end of an old one: of the two, one delivers at a time.
create or replace temp macro deliveries(begin_at, end_at) as table
with slots as (
    select
        *,
        lag(slot) over w as last_slot,
        lead(slot) over w as next_slot,
        min(slot) over s as first_slot,
        max(slot) over s as final_slot
    from (
        select
            source,
            min(format) as format,
            kin,
            delivery_slot(max_time) as slot,
            max(log_object) as log_object
        from delivered_objects
        where max_time >= begin_at
            and max_time < end_at
            and source is not null
        group by source, kin, slot
    )
    window
        w as (partition by source order by slot),
        s as (partition by source)
),

-- Who is no rare guest: most of its objects are followed by the next five minutes' (its own pauses are not).
steady as (
    select source
    from slots
    group by source
    having count(*) >= 6
        and count(*) filter (next_slot = slot + interval 5 minutes) >= 0.5 * count(*)
),

-- Who begins in a slot takes over in it, in the one after it and in the two before it: a flow log that is steady, or began
-- less than half an hour before the newest object, too young to tell.
begun as (
    select
        *,
        unnest([slot - interval 10 minutes, slot - interval 5 minutes, slot, slot + interval 5 minutes]) as paused
    from slots
    where format = 'vpc_flow'
        and last_slot is distinct from slot - interval 5 minutes
        and (source in (select source from steady) or slot > (select max(slot) from slots) - interval 30 minutes)
),

-- Such a pair does not deliver side by side: the heir is new, or was last seen before the other began, and is gone when the other
-- comes back. So what two flow logs lack at once is a gap of both, and none that was there all along hides one that died.
replaced as (
    select distinct
        old.source,
        old.slot
    from slots as old
    inner join begun as heir
        on old.kin = heir.kin
        and old.format = heir.format
        and old.slot = heir.paused
    where old.first_slot < heir.slot
        and (heir.last_slot is null or heir.last_slot < old.first_slot)
        and (old.next_slot is null or old.next_slot > heir.final_slot)
)

select
    s.source,
    s.format,
    s.slot,
    s.next_slot,
    r.slot is not null as taken_over,
    s.log_object
from slots as s
left join replaced as r
    on s.source = r.source
    and s.slot = r.slot;

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
    bool_or(d.taken_over and d.next_slot is null) as taken_over,
    arg_max(d.log_object, (d.slot, d.log_object)) as log_object
from deliveries(begin_at, end_at) as d
group by d.source;
