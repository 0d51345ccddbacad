-- ---
-- title = "What each source delivered of a window"
-- question = "How much of the data that should be there is there?"
-- about = """
-- Regular sources only, over the five-minute slots of the window since their first object: an irregular one may have had
-- nothing to say. The pause of a flow log in which another one took over is none."""
-- [params]
-- history_since = { type = "timestamptz", about = "from when on sources are known" }
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window" }
-- [columns]
-- source = { type = "varchar", about = "name of its objects up to their time" }
-- format = { type = "varchar", about = "table its records go to" }
-- delivered = { type = "bigint", about = "slots of the window with an object" }
-- expected = { type = "bigint", about = "slots of the window in which one was due" }
-- delivered_until = { type = "timestamp with time zone", about = "end of its newest slot" }
-- ---
with slots as (
    select
        source,
        slot,
        case
            when taken_over then 0
            else greatest(
                date_diff(
                    'minute',
                    greatest(slot + interval 5 minutes, time_bucket(interval 5 minutes, $since)),
                    least(coalesce(next_slot, $until), $until)
                ) // 5,
                0
            )
        end as missed,
        slot >= time_bucket(interval 5 minutes, $since) as in_window
    from deliveries($history_since, $until)
)

select
    d.source,
    d.format,
    count(*) filter (s.in_window) as delivered,
    (count(*) filter (s.in_window) + sum(s.missed))::bigint as expected,
    d.delivered_until
from delivering($history_since, $until) as d
inner join slots as s
    on d.source = s.source
where d.regular >= 0.9
    and d.delivered >= 6
group by all
having expected > 0
order by d.format, d.source
