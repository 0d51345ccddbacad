-- ---
-- title = "Refused TLS handshakes"
-- question = "Did the load balancer refuse the caller's certificate?"
-- about = "A handshake fails before a host is known, so every service of the load balancer counts as the callee."
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window" }
-- caller = { type = "varchar", about = "caller's display name" }
-- callee = { type = "varchar", about = "callee's display name" }
-- [columns]
-- refused = { type = "bigint", about = "handshakes refused" }
-- first_at = { type = "timestamp with time zone", about = "first of them, at most an hour before the window" }
-- last_at = { type = "timestamp with time zone", about = "last of them" }
-- reason = { type = "varchar", about = "most frequent code" }
-- lines = { type = "varchar[]", about = "the newest three, object:line" }
-- ---
with balancers as (
    select distinct
        split_part(s.service, '#', 1) as elb
    from services as s
    inner join nodes as n
        on s.node = n.node
    where n.name = $callee
        and s.front_door = 'alb'
)

select
    coalesce(sum(d.count) filter (d.time >= $since), 0)::bigint as refused,
    min(d.time) as first_at,
    max(d.time) as last_at,
    mode(d.reason order by d.reason) as reason,
    list(d.log_object || ':' || d.log_line order by d.time desc, d.log_object, d.log_line)[:3] as lines
from denials as d
where d.layer = 'tls'
    and d.caller = $caller
    and d.time >= $since - interval 1 hour
    and d.time < $until
    and (
        d.callee = $callee
        or d.callee in (
            select s.name
            from balancers as b
            inner join service_names as s
                on b.elb = s.service
        )
    )
