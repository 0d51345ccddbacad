-- ---
-- title = "Causes among the requests"
-- question = "What is wrong with how many of them, where, and which log lines show it?"
-- [params]
-- [columns]
-- cause = { type = "varchar", about = "as in attempts; ok for what went well" }
-- requests = { type = "bigint", about = "how many" }
-- first_at = { type = "timestamp with time zone", about = "first of them" }
-- last_at = { type = "timestamp with time zone", about = "last of them" }
-- reason = { type = "varchar", about = "most frequent reason" }
-- status = { type = "integer", about = "most frequent status code" }
-- target_group = { type = "varchar", about = "target group of most" }
-- in_group = { type = "bigint", about = "how many in that target group" }
-- group_requests = { type = "bigint", about = "all requests to that target group" }
-- groups = { type = "bigint", about = "target groups that were asked" }
-- unsigned = { type = "bigint", about = "how many were unsigned" }
-- after = { type = "bigint", about = "requests without this cause, and not refused, after the last with it" }
-- lines = { type = "varchar[]", about = "the newest three, object:line" }
-- ---
with counted as (
    select
        coalesce(cause, 'ok') as cause,
        count(*) as requests,
        min(time) as first_at,
        max(time) as last_at,
        mode(reason order by reason) as reason,
        mode(status order by status) as status,
        mode(target_group order by target_group) as target_group,
        count(*) filter (unsigned) as unsigned,
        list(log_object || ':' || log_line order by time desc, log_object, log_line)[:3] as lines
    from attempts
    group by all
)

select
    c.cause,
    c.requests,
    c.first_at,
    c.last_at,
    c.reason,
    c.status,
    c.target_group,
    count(*) filter (a.target_group = c.target_group and coalesce(a.cause, 'ok') = c.cause) as in_group,
    count(*) filter (a.target_group = c.target_group) as group_requests,
    count(distinct a.target_group) as groups,
    c.unsigned,
    -- What is refused got nowhere: it does not tell whether the callee would still fail.
    count(*) filter (a.time > c.last_at and a.outcome <> 'denied') as after,
    c.lines
from counted as c
cross join attempts as a
group by all
order by c.requests desc, c.cause
