-- ---
-- title = "When refused calls broke"
-- question = "For each refused pair: when did it last work, when was it first refused, and what else flipped then?"
-- about = """
-- One row per caller, callee and layer: its longest run of refusals (most attempts; a pause of 15 minutes ends a run). The
-- bracket is the time between the last success and the first refusal: the change lies in it. What flipped within five
-- minutes of it is the blast radius of one change. An application's own 403 is in app_403. complete_until: refusals and
-- recoveries after it may still be on their way."""
-- history_hours = 168
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- min_refused = { type = "bigint", default = 3, about = "leave out runs with fewer refused attempts" }
-- together_minutes = { type = "bigint", default = 5, about = "pairs that broke this near to each other flipped together" }
-- [columns]
-- caller = { type = "varchar", about = "display name of the caller's node" }
-- callee = { type = "varchar", about = "display name of what it wanted to reach" }
-- layer = { type = "varchar", about = "who refused, as in denials" }
-- last_success = { type = "timestamp with time zone", about = "newest success before the run: its time; before the window, its minute (packets: its hour), up to 7 days back; NULL: never seen to work" }
-- first_refused = { type = "timestamp with time zone", about = "first refusal of the run" }
-- bracket_seconds = { type = "double", about = "first_refused - last_success" }
-- last_refused = { type = "timestamp with time zone", about = "last refusal of the run" }
-- recovered_at = { type = "timestamp with time zone", about = "first success after it; NULL: none yet" }
-- refused = { type = "bigint", about = "refused attempts in the run" }
-- succeeded_meanwhile = { type = "bigint", about = "successes inside the run: above 0, not everything is refused" }
-- flipped_together = { type = "bigint", about = "other pairs that used to work and broke in the same minutes" }
-- together_with = { type = "varchar[]", about = "these pairs, at most 20" }
-- reason = { type = "varchar", about = "the log's own words" }
-- caller_principal = { type = "varchar", about = "one principal the caller signed with" }
-- complete_until = { type = "timestamp with time zone", about = "until when every source is complete" }
-- ---
with refused as (
    select
        d.caller,
        d.callee,
        d.layer,
        d.time,
        d.count,
        d.reason,
        d.caller_principal,
        coalesce(
            d.time > lag(d.time) over (partition by d.caller, d.callee, d.layer order by d.time) + interval 15 minutes, true
        ) as starts
    from denials as d
    where d.time >= $since
        and d.time < $until
        and d.layer <> 'application'
),

runs as (
    select
        caller,
        callee,
        layer,
        min(time) as began,
        max(time) as ended,
        sum(count) as held,
        arg_max(reason, (time, reason)) as reason,
        min(caller_principal) as caller_principal
    from (
        select
            *,
            -- Refusals of one moment are in one run, whichever of them comes first: no frame of rows.
            count(*) filter (starts) over (partition by caller, callee, layer order by time) as run
        from refused
    )
    group by caller, callee, layer, run
),

longest_runs as (
    select *
    from runs
    where held >= $min_refused
    qualify row_number() over (partition by caller, callee, layer order by held desc, began) = 1
),

-- As the interface saw it that refused: the client's own may have let the packet out, and the same addresses in another VPC
-- are others'.
packet_pairs as (
    select distinct
        d.caller,
        d.callee,
        d.caller_ip,
        d.target_ip,
        d.target_port,
        d.direction,
        d.vpc,
        d.interface_id
    from denials as d
    where d.layer = 'packet'
        and d.time >= $since
        and d.time < $until
),

-- What came before the window is known by the hour.
accepted_hours as (
    select
        p.*,
        h.hour,
        sum(h.flows) as flows
    from packet_pairs as p
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
packets_before as (
    select
        caller,
        callee,
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
    group by caller, callee, caller_ip, target_ip, target_port, direction, vpc, interface_id, hour
    having sum(flows) > 0
),

packets_accepted as (
    select
        caller,
        callee,
        hour as time
    from packets_before
    union all
    select
        p.caller,
        p.callee,
        f.time
    from packet_pairs as p
    inner join connections as f
        on p.caller_ip = f.src_ip
        and p.target_ip = f.dst_ip
        and p.target_port = f.dst_port
        and p.direction is not distinct from f.direction
        and p.vpc is not distinct from f.vpc
        and p.interface_id is not distinct from f.interface_id
    where f.action = 'ACCEPT'
        and f.time >= $since
        and f.time < $until
),

successes as (
    select
        r.caller,
        r.callee,
        false as is_packet,
        r.time,
        1 as count
    from edge_requests as r
    where r.outcome = 'ok'
        and r.time >= $since
        and r.time < $until
    union all
    -- Only the newest before the window can be the last success.
    select
        c.caller,
        c.callee,
        false,
        c.last_ok,
        1
    from edge_spans(timestamptz '1970-01-01 00:00:00+00', $since) as c
    where c.last_ok is not null
    union all
    select
        p.caller,
        p.callee,
        true,
        p.time,
        1
    from packets_accepted as p
),

broken as (
    select
        r.caller,
        r.callee,
        r.layer,
        r.began,
        r.ended,
        any_value(r.held) as held,
        any_value(r.reason) as reason,
        any_value(r.caller_principal) as caller_principal,
        max(s.time) filter (s.time <= r.began) as last_success,
        min(s.time) filter (s.time > r.ended) as recovered_at,
        coalesce(sum(s.count) filter (s.time > r.began and s.time <= r.ended), 0) as meanwhile
    from longest_runs as r
    left join successes as s
        on r.caller = s.caller
        and r.callee = s.callee
        and (r.layer = 'packet') = s.is_packet
    group by r.caller, r.callee, r.layer, r.began, r.ended
),

together as (
    select
        a.caller,
        a.callee,
        a.layer,
        count(distinct (b.caller, b.callee)) as pairs,
        list(distinct b.caller || ' -> ' || b.callee order by b.caller || ' -> ' || b.callee)[:20] as names
    from broken as a
    inner join broken as b
        on b.began between a.began - to_minutes($together_minutes) and a.began + to_minutes($together_minutes)
        and (b.caller, b.callee) <> (a.caller, a.callee)
    where b.last_success is not null
    group by a.caller, a.callee, a.layer
)

select
    b.caller,
    b.callee,
    b.layer,
    b.last_success,
    b.began as first_refused,
    epoch(b.began) - epoch(b.last_success) as bracket_seconds,
    b.ended as last_refused,
    b.recovered_at,
    b.held::bigint as refused,
    b.meanwhile::bigint as succeeded_meanwhile,
    coalesce(t.pairs, 0) as flipped_together,
    coalesce(t.names, []) as together_with,
    b.reason,
    b.caller_principal,
    data_until() as complete_until
from broken as b
left join together as t
    on b.caller = t.caller
    and b.callee = t.callee
    and b.layer = t.layer
order by b.last_success is null, b.held desc, b.began, b.caller, b.callee, b.layer
