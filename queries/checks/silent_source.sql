-- ---
-- title = "A source of logs fell silent"
-- question = "Which source delivered regularly and stopped?"
-- severity = "page"
-- about = """
-- A source (kind of log, account, region and resource: the part of the object's name before its time) delivered
-- regularly (at least 90 % of its objects were followed by one for the next five minutes) and has been silent for 15. A flow
-- log is not silent when another one of its account and region, which did not deliver beside it, began where it stopped: AWS
-- cannot change a flow log, so every change of its format is a new one. Found once it is silent until it delivers again:
-- of a source that is gone for good, close the finding, and it is not due any more."""
-- runbook = """
-- While it is silent, "no flows" and "no errors" mean nothing. Does the flow log or the access log subscription still
-- exist and show no delivery error? Was the bucket's policy or key changed? Is the account or region missing from
-- what `eastwest ingest` reads?"""
-- reference = "https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-troubleshooting.html"
-- sources = []
-- window_minutes = 15
-- history_hours = 24
-- key = ["source"]
-- [params]
-- baseline_since = { type = "timestamptz", about = "start of the baseline" }
-- until = { type = "timestamptz", about = "end of the window: whatever is newest in the lake, from any source" }
-- silent_minutes = { type = "bigint", default = 15, about = "minutes without an object, at least" }
-- min_slots = { type = "bigint", default = 6, about = "five-minute slots with an object, at least" }
-- min_regular = { type = "double", default = 0.9, about = "share of its objects that the next five minutes followed up, at least" }
-- [columns]
-- source = { type = "varchar", about = "name of its objects up to their time" }
-- format = { type = "varchar", about = "table its records go to" }
-- observed = { type = "double", about = "minutes of silence" }
-- expected = { type = "double", about = "minutes between its objects, usually" }
-- regular = { type = "double", about = "share of its objects that the next five minutes followed up, 0 to 1" }
-- delivered_until = { type = "timestamp with time zone", about = "end of the last five minutes it delivered for" }
-- log_object = { type = "varchar", about = "its last object" }
-- title = { type = "varchar", about = "the finding in a sentence" }
-- ---
with found as (
    select
        m.finding_key as source,
        m.evidence ->> 'format' as format,
        (m.evidence ->> 'regular')::double as regular,
        (m.evidence ->> 'delivered_until')::timestamptz as delivered_until,
        m.evidence ->> 'log_object' as log_object
    from remembered('silent_source', $baseline_since, $until) as m
    where m.goes_on
),

lately as (
    select
        d.source,
        d.format,
        d.regular,
        d.delivered_until,
        d.log_object,
        d.taken_over,
        f.source is not null or (d.delivered >= $min_slots and d.regular >= $min_regular) as is_due
    from delivering($baseline_since, $until) as d
    left join found as f
        on d.source = f.source
),

silent as (
    select
        source,
        format,
        regular,
        delivered_until,
        log_object
    from lately
    where is_due
        and delivered_until + to_minutes($silent_minutes) <= $until
        and not taken_over
    union all
    from found as f
    where f.source not in (select n.source from lately as n)
)

select
    source,
    format,
    date_diff('minute', delivered_until, $until)::double as observed,
    5::double as expected,
    regular::double as regular,
    delivered_until,
    log_object,
    source || ' is silent: nothing for ' || date_diff('minute', delivered_until, $until) || ' minutes, since '
        || strftime(delivered_until, if(delivered_until < $until - interval 24 hours, '%Y-%m-%d %H:%M', '%H:%M')) || 'Z' as title
from silent
order by observed desc, source
