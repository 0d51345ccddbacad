-- ---
-- title = "Denied callers"
-- question = "Who is refused, by which layer and why, since when, and did it use to work?"
-- history_hours = 168
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- layer = { type = "varchar", choices = ["packet", "tls", "identity_policy", "network_policy", "service_policy", "unknown_policy", "waf", "alb_auth", "alb_rule", "application"], about = "only this layer, as the column; all of them when NULL" }
-- [columns]
-- caller = { type = "varchar", about = "display name of the caller's node" }
-- callee = { type = "varchar", about = "display name of what it wanted to reach" }
-- layer = { type = "varchar", about = "who refused: packet, tls, identity_policy, network_policy, service_policy, unknown_policy, waf, alb_auth, alb_rule, application" }
-- reason = { type = "varchar", about = "the log's own words" }
-- count = { type = "bigint", about = "refused attempts in the window" }
-- first_seen = { type = "timestamp with time zone", about = "first refusal in the window" }
-- last_seen = { type = "timestamp with time zone", about = "last refusal in the window" }
-- last_success_before = { type = "timestamp with time zone", about = "newest success of that caller with that callee in a minute before the first refusal's (packets: start of the last flow to the same port that the interface accepted; before the window, its hour); up to 7 days back" }
-- used_to_work = { type = "boolean", about = "whether there was one" }
-- caller_principal = { type = "varchar", about = "one principal the caller signed with, where it signed", wide = true }
-- caller_ips = { type = "bigint", about = "addresses it came from", wide = true }
-- target_port = { type = "integer", about = "port, where it is one", wide = true }
-- ---
with refused as (
    select
        d.caller,
        d.callee,
        d.layer as refused_by,
        d.reason,
        sum(d.count)::bigint as count,
        min(d.time) as first_seen,
        max(d.time) as last_seen,
        min(d.caller_principal) as caller_principal,
        count(distinct d.caller_ip) as caller_ips,
        case when count(distinct d.target_port) = 1 then min(d.target_port) end as target_port
    from denials as d
    where d.time >= $since
        and d.time < $until
        and ($layer is null or d.layer = $layer)
    group by d.caller, d.callee, d.layer, d.reason
),

-- Days that are kept ended before the window: one row each.
spans as (
    select
        h.caller,
        h.callee,
        h.hour as begins,
        h.last_ok
    from recent_calls as h
    union all
    select
        d.caller,
        d.callee,
        d.day::timestamptz,
        d.last_ok
    from daily_calls as d
),

-- Days and hours tell the last success, but for the hour of the first refusal: an edge may have worked again in it. A success
-- in the minute of the first refusal can have come after it.
successes as (
    select
        r.caller,
        r.callee,
        r.refused_by,
        r.reason,
        r.first_seen,
        max(s.last_ok) filter (s.last_ok < minute_of(r.first_seen)) as minute,
        bool_or(s.last_ok >= minute_of(r.first_seen)) as also_later
    from refused as r
    inner join spans as s
        on r.caller = s.caller
        and r.callee = s.callee
    where r.refused_by <> 'packet'
        and s.begins <= r.first_seen
    group by r.caller, r.callee, r.refused_by, r.reason, r.first_seen
),

-- Which is rarely asked: without such an edge the minutes are not read.
worked_later as (
    select
        caller,
        callee
    from successes
    where also_later
),

any_later as (
    select 1
    from worked_later
    limit 1
),

minutes as materialized (
    select
        m.caller,
        m.callee,
        m.minute
    from minute_calls as m, any_later
    where m.outcome = 'ok'
        and m.minute >= hour_of($since)
        and m.minute < $until
        and (m.caller, m.callee) in (select (w.caller, w.callee) from worked_later as w)
),

answered as (
    select
        s.caller,
        s.callee,
        s.refused_by,
        s.reason,
        greatest(any_value(s.minute), max(m.minute)) as minute
    from successes as s
    left join minutes as m
        on s.caller = m.caller
        and s.callee = m.callee
        and hour_of(s.first_seen) = hour_of(m.minute)
        and minute_of(s.first_seen) > m.minute
    group by s.caller, s.callee, s.refused_by, s.reason
),

-- As the interface saw it that refused: the client's own lets out what the other side refuses, and the same addresses in
-- another VPC are others'.
refused_pairs as (
    select distinct
        d.caller,
        d.callee,
        d.reason,
        d.caller_ip,
        d.target_ip,
        d.target_port,
        d.direction,
        d.vpc,
        d.interface_id,
        r.first_seen
    from denials as d
    inner join refused as r
        on d.caller = r.caller
        and d.callee = r.callee
        and d.layer = r.refused_by
        and d.reason = r.reason
    where d.layer = 'packet'
        and d.time >= $since
        and d.time < $until
),

-- The rollup tells which of these addresses ever got through in the window: most never did, and the flow records, far
-- more than anything else, need not be read.
accepted_pairs as (
    select p.*
    from refused_pairs as p
    semi join (
        select
            e.caller_ip,
            e.target_ip
        from (
            select
                caller_ip,
                target_ip,
                caller_ip as src_ip,
                target_ip as dst_ip
            from refused_pairs
            union
            select
                caller_ip,
                target_ip,
                target_ip,
                caller_ip
            from refused_pairs
        ) as e
        inner join flow_hours as h
            on e.src_ip = h.src_ip
            and e.dst_ip = h.dst_ip
        where h.action = 'ACCEPT'
            and h.hour >= hour_of($since)
            and h.hour < $until
    ) as h
        on p.caller_ip = h.caller_ip
        and p.target_ip = h.target_ip
),

-- What came before the window is known by the hour.
accepted_hours as (
    select
        p.*,
        h.hour,
        sum(h.flows) as flows
    from refused_pairs as p
    inner join accepted_flows as h
        on p.caller_ip = h.src_ip
        and p.target_ip = h.dst_ip
        and p.target_port = h.server_port
        and p.direction is not distinct from h.direction
        and p.vpc is not distinct from h.vpc
        and p.interface_id is not distinct from h.interface_id
    where h.hour < $since
    group by all
    having sum(h.flows) > 0
),

-- Of the hour in which the window begins, what the window does not have came before it. A window that ends within that hour
-- tells nothing of it.
before_window as (
    select
        caller,
        callee,
        reason,
        hour
    from (
        from accepted_hours
        union all
        select h.* replace (-1 as flows)
        from accepted_hours as h
        inner join connections as c
            on h.caller_ip = c.client_ip
            and h.target_ip = c.server_ip
            and h.target_port = c.server_port
            and h.direction is not distinct from c.connection_direction
            and h.vpc is not distinct from c.vpc
            and h.interface_id is not distinct from c.interface_id
        where h.hour = hour_of($since)
            and c.action = 'ACCEPT'
            and c.time >= $since
            and c.time < hour_of($since) + interval 1 hour
    )
    where hour < hour_of($since)
        or hour_of($since) + interval 1 hour <= $until
    group by caller, callee, reason, caller_ip, target_ip, target_port, direction, vpc, interface_id, hour
    having sum(flows) > 0
),

accepted as (
    select
        caller,
        callee,
        reason,
        max(time) as time
    from (
        select
            caller,
            callee,
            reason,
            hour as time
        from before_window
        union all
        select
            p.caller,
            p.callee,
            p.reason,
            c.time
        from accepted_pairs as p
        inner join connections as c
            on p.caller_ip = c.src_ip
            and p.target_ip = c.dst_ip
            and p.target_port = c.dst_port
            and p.direction is not distinct from c.direction
            and p.vpc is not distinct from c.vpc
            and p.interface_id is not distinct from c.interface_id
            and p.first_seen > c.time
        where c.action = 'ACCEPT'
            and c.time >= $since
            and c.time < $until
    )
    group by caller, callee, reason
)

select
    r.caller,
    r.callee,
    r.refused_by as layer,
    r.reason,
    r.count,
    r.first_seen,
    r.last_seen,
    coalesce(a.minute, f.time) as last_success_before,
    last_success_before is not null as used_to_work,
    r.caller_principal,
    r.caller_ips,
    r.target_port
from refused as r
left join answered as a
    on r.caller = a.caller
    and r.callee = a.callee
    and r.refused_by = a.refused_by
    and r.reason is not distinct from a.reason
left join accepted as f
    on r.refused_by = 'packet'
    and r.caller = f.caller
    and r.callee = f.callee
    and r.reason = f.reason
order by r.count desc, r.first_seen, r.caller, r.callee, r.refused_by, r.reason
