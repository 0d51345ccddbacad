-- ---
-- title = "Sources of an earlier day"
-- question = "Which sources were there before, and hardly since?"
-- about = """
-- Whoever delivers regularly did so in the first five minutes of some half hour: those are enough to know who was there, and
-- a name is taken to pieces for a sixth of the objects."""
-- [params]
-- remembered_since = { type = "timestamptz", about = "from when on sources are remembered" }
-- history_since = { type = "timestamptz", about = "from when on sources are known" }
-- until = { type = "timestamptz", about = "end of the window" }
-- [columns]
-- source = { type = "varchar", about = "name of its objects up to their time" }
-- ---
select distinct
    e.source
from delivered_objects as e
anti join (
    select source
    from delivered_objects
    where max_time >= $history_since
        and max_time < $until
    group by source
    having count(distinct delivery_slot(max_time)) >= 6
) as l
    on e.source = l.source
where e.max_time >= $remembered_since
    and e.max_time < $history_since
    and minute(e.max_time) % 30 < 5
    and e.source is not null
order by e.source
