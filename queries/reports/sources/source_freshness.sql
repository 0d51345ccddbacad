-- ---
-- title = "Sources and how fresh they are"
-- question = "Which deliverers of logs are in this lake, and how new is the newest row of each?"
-- about = """
-- One row per deliverer: account, kind of log, region and resource, as AWS writes them into an object's name. The check
-- silent_source says which of them should have delivered more."""
-- [params]
-- until = { type = "timestamptz", about = "end of the window, exclusive: later rows are not looked at" }
-- [columns]
-- source = { type = "varchar", about = "name of its objects up to their time, else the format" }
-- format = { type = "varchar", about = "format of its logs, which is its table's name" }
-- newest = { type = "timestamp with time zone", about = "newest row" }
-- objects = { type = "bigint", about = "objects with rows" }
-- ---
select
    coalesce(d.source, d.format) as source,
    d.format,
    max(d.max_time) as newest,
    count(*) as objects
from delivered_objects as d
where d.max_time < $until
group by coalesce(d.source, d.format), d.format
order by source, format
