-- ---
-- title = "Gaps in what was delivered"
-- question = "Which source delivered nothing for which minutes, so that quiet does not pass for healthy?"
-- about = """
-- In slots of five minutes, as AWS writes objects. certain: the source is regular (nine of ten slots are followed by the next
-- one, six or more slots). An irregular source may have had nothing to say: its gaps are listed with certain false when
-- all_sources is set. A gap at the end of the window counts once the others went on for 15 minutes. The pause of a flow log in
-- which another one of its account and region took over is none: AWS cannot change a flow log, so a change of its format is a
-- new one. SKIPDATA in flow records is a gap that AWS declares itself."""
-- history_hours = 24
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- all_sources = { type = "boolean", default = false, about = "irregular sources too" }
-- [columns]
-- source = { type = "varchar", about = "name of its objects up to their time" }
-- format = { type = "varchar", about = "table its records go to" }
-- kind = { type = "varchar", about = "no_objects, or skipdata" }
-- gap_from = { type = "timestamp with time zone", about = "start of the gap" }
-- gap_until = { type = "timestamp with time zone", about = "its end; of one that lasts, the end of the data" }
-- minutes = { type = "double", about = "length" }
-- lasts = { type = "boolean", about = "nothing has come since" }
-- certain = { type = "boolean", about = "the source is regular" }
-- regular = { type = "double", about = "share of its slots that the next one followed, 0 to 1" }
-- last_object = { type = "varchar", about = "the object before the gap; of skipdata, the one that says so" }
-- ---
with bounds as (
    select least($until, coalesce((select max(o.max_time) from objects as o), $until)) as ended
),

sources as (
    select d.*
    from delivering($since - interval 24 hours, $until) as d
),

pauses as (
    select
        d.source,
        d.format,
        d.slot + interval 5 minutes as gap_from,
        coalesce(d.next_slot, time_bucket(interval 5 minutes, b.ended)) as gap_until,
        d.next_slot is null as lasts,
        d.log_object
    from deliveries($since - interval 24 hours, $until) as d, bounds as b
    where not d.taken_over
        and case
            when d.next_slot is null then d.slot + interval 20 minutes <= time_bucket(interval 5 minutes, b.ended)
            else d.next_slot > d.slot + interval 5 minutes
        end
)

select
    p.source,
    p.format,
    'no_objects' as kind,
    p.gap_from,
    p.gap_until,
    (epoch(p.gap_until) - epoch(p.gap_from)) / 60 as minutes,
    p.lasts,
    s.regular >= 0.9 and s.delivered >= 6 as certain,
    s.regular,
    p.log_object as last_object
from pauses as p
inner join sources as s
    on p.source = s.source
where p.gap_until > $since
    and p.gap_from < $until
    and ($all_sources or (s.regular >= 0.9 and s.delivered >= 6))
union all
select
    coalesce(delivery_source(f.log_object), 'vpc_flow'),
    'vpc_flow',
    'skipdata',
    min(f.start_time),
    max(f.end_time),
    (epoch(max(f.end_time)) - epoch(min(f.start_time))) / 60,
    false,
    true,
    null,
    max(f.log_object)
from vpc_flow as f
where f.log_status = 'SKIPDATA'
    and f.start_time >= $since
    and f.start_time < $until
group by coalesce(delivery_source(f.log_object), 'vpc_flow'), time_bucket(interval 5 minutes, f.start_time)
order by minutes desc, source, gap_from, kind
