-- ---
-- title = "Until when each kind of log is complete"
-- question = "Where may a window end, so that nothing more arrives for it?"
-- about = """
-- Five minutes are complete when every regular source of the format has delivered for them, or has been silent for a
-- quarter of an hour longer than the others: it is not waited for, and coverage says so. An irregular source is not
-- waited for either. Never later than the format's usual delay before the lake was last written."""
-- [params]
-- at = { type = "timestamptz", about = "what counts as now; NULL: the newest data" }
-- [columns]
-- format = { type = "varchar", about = "table the records go to" }
-- complete_until = { type = "timestamp with time zone", about = "end of the newest complete minutes" }
-- newest = { type = "timestamp with time zone", about = "end of the newest five minutes of any format" }
-- ---
with lately as (
    select
        source,
        format,
        delivered_until,
        regular
    from delivering(
        coalesce($at::timestamptz, (select max(o.max_time) from objects as o)) - interval 24 hours,
        coalesce($at::timestamptz, 'infinity'::timestamptz)
    )
),

bounds as (
    select max(delivered_until) as newest
    from lately
)

select
    l.format,
    least(
        coalesce(
            min(l.delivered_until) filter (l.regular >= 0.9 and l.delivered_until + interval 15 minutes > b.newest),
            any_value(b.newest)
        ),
        any_value(w.complete_until),
        $at::timestamptz
    ) as complete_until,
    any_value(b.newest) as newest
from lately as l
cross join bounds as b
left join watermarks as w
    on l.format = w.source
group by l.format
order by l.format
