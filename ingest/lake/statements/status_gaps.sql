-- Five-minute slots in which a regular source delivered nothing, while others did: one row a gap. Regular: an object was
-- followed by the next five minutes' nine times of ten, six times at least. Where another flow log of the same account and
-- region took over is no gap (AWS cannot change a flow log: a change is a new one, and they do not deliver side by side).
-- Who takes over is followed up half of the time at least, or began less than half an hour before the newest object: too
-- young to tell.
with slots as (
    select
        source,
        any_value(format) as format,
        any_value(account) as account,
        any_value(region) as region,
        time_bucket(interval 5 minutes, max_time) as slot
    from deliveries
    where source is not null
        and rows > 0
    group by all
),

followed as (
    select
        *,
        lag(slot) over w as last_slot,
        lead(slot) over w as next_slot,
        min(slot) over s as first_slot,
        max(slot) over s as final_slot
    from slots
    window
        w as (partition by source order by slot),
        s as (partition by source)
),

-- The newest five minutes of anything; what is a quarter of an hour younger may still be on its way.
horizon as (
    select max(slot) - interval 10 minutes as due
    from slots
),

steady as (
    select source
    from followed
    group by source
    having count(*) >= 6
        and count(*) filter (next_slot = slot + interval 5 minutes) >= 0.5 * count(*)
),

-- Where another flow log took over: such a pause says nothing of how regular a source is.
taken_over as (
    select
        f.source,
        f.slot
    from followed as f
    cross join horizon as h
    where f.next_slot is distinct from f.slot + interval 5 minutes
        and exists (
            select 1
            from followed as heir
            where heir.last_slot is distinct from heir.slot - interval 5 minutes
                and heir.format = 'vpc_flow'
                and f.format = 'vpc_flow'
                and (heir.source in (select source from steady) or heir.slot > h.due - interval 20 minutes)
                and regexp_replace(heir.source, '_[^_]+$', '') = regexp_replace(f.source, '_[^_]+$', '')
                and heir.slot between f.slot - interval 5 minutes and f.slot + interval 10 minutes
                and heir.slot > f.first_slot
                and (heir.last_slot is null or heir.last_slot < f.first_slot)
                and (f.next_slot is null or f.next_slot > heir.final_slot)
        )
),

regular as (
    select f.source
    from followed as f
    left join taken_over as t
        on f.source = t.source
        and f.slot = t.slot
    group by f.source
    having count(*) >= 6
        and count(*) filter (f.next_slot = f.slot + interval 5 minutes or (f.next_slot is not null and t.slot is not null))
            >= 0.9 * (count(*) - 1)
)

select
    f.format,
    f.account,
    f.region,
    f.source,
    f.slot + interval 5 minutes as gap_from,
    coalesce(f.next_slot, h.due) as gap_until,
    (epoch(coalesce(f.next_slot, h.due) - f.slot) // 300 - 1)::bigint as slots
from followed as f
inner join regular as r
    on f.source = r.source
cross join horizon as h
anti join taken_over as t
    on f.source = t.source
    and f.slot = t.slot
where coalesce(f.next_slot, h.due) > f.slot + interval 5 minutes
order by gap_from, f.source
