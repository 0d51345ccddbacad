-- ---
-- title = "The caller's requests to the callee"
-- question = "What did the caller ask, and what came back?"
-- about = """
-- One row a request in the window. An unsigned request from one of the caller's addresses is the caller's too, and said to be
-- unsigned, when it has called this callee and no longer signs from there, or is the only one there that has called it. It
-- is not of who still signs there, though its address be named so."""
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window" }
-- caller = { type = "varchar", about = "caller's display name" }
-- callee = { type = "varchar", about = "callee's display name" }
-- [columns]
-- time = { type = "timestamp with time zone", about = "time of the request" }
-- front_door = { type = "varchar", about = "lattice or alb" }
-- outcome = { type = "varchar", about = "as in requests" }
-- cause = { type = "varchar", about = "layer that refused, else identity_provider, target, no_response, caller_left, client_error or NULL" }
-- reason = { type = "varchar", about = "what the log gives as the reason" }
-- status = { type = "integer", about = "status code" }
-- target_group = { type = "varchar", about = "target group" }
-- unsigned = { type = "boolean", about = "known by its address alone, though it has a principal" }
-- latency_ms = { type = "double", about = "duration, ms" }
-- log_object = { type = "varchar", about = "source object" }
-- log_line = { type = "integer", about = "line in it" }
-- ---
with asked as materialized (
    select
        time,
        front_door,
        caller,
        caller_vpc,
        caller_ip,
        caller_principal is null and caller_cert_subject is null as is_unsigned,
        outcome,
        denied_by,
        deny_reason,
        failure_reason,
        status,
        target_group,
        latency_ms,
        log_object,
        log_line
    from edge_requests
    where time >= $since
        and time < $until
        and callee = $callee
),

unsigned as (
    select
        caller_vpc as vpc,
        caller_ip as ip,
        time
    from asked
    where is_unsigned
),

signed as (
    select
        caller_vpc as vpc,
        caller_ip as ip,
        caller,
        max(time) as last_at
    from asked
    where not is_unsigned
    group by caller_vpc, caller_ip, caller
),

-- Whoever signed at an address before; not whom another one has followed there, as addresses are given again. It no longer
-- signs when most of what came unsigned from there came after its last signed request.
signers as (
    select
        u.vpc,
        u.ip,
        c.caller,
        2 * count(*) filter (g.last_at is null or u.time > g.last_at) > count(*) as stopped
    from unsigned as u
    inner join (
        select
            s.vpc,
            s.ip,
            p.name as caller
        from sources as s
        inner join principal_names as p
            on s.principal = p.principal
        where p.name in (select c.caller from calls as c where c.callee = $callee)
        group by s.vpc, s.ip, p.name
        qualify max(s.hour) >= max(min(s.hour)) over (partition by s.vpc, s.ip)
    ) as c
        on u.vpc = c.vpc
        and u.ip = c.ip
    left join signed as g
        on c.vpc = g.vpc
        and c.ip = g.ip
        and c.caller = g.caller
    group by u.vpc, u.ip, c.caller
),

addresses as (
    select
        vpc,
        ip,
        list(caller) as callers,
        coalesce(list(caller) filter (stopped or callers_there = 1), []) as suspects
    from (
        select
            *,
            count(*) over (partition by vpc, ip) as callers_there
        from signers
    )
    group by vpc, ip
    having len(suspects) > 0
)

select
    r.time,
    r.front_door,
    r.outcome,
    case
        when r.denied_by is not null then r.denied_by
        when r.outcome = 'server_error' and r.front_door = 'alb'
            and (starts_with(r.failure_reason, 'Auth') or starts_with(r.failure_reason, 'JW')) then 'identity_provider'
        when r.outcome = 'server_error' then 'target'
        when r.outcome = 'no_response' then 'no_response'
        when r.outcome = 'client_error' and r.failure_reason = 'ClientConnectionClosed' and r.status < 400 then 'caller_left'
        when r.outcome = 'client_error' then 'client_error'
    end as cause,
    coalesce(r.deny_reason, r.failure_reason) as reason,
    r.status,
    r.target_group,
    r.front_door = 'lattice'
    and r.is_unsigned
    and $caller in (select p.name from principal_names as p) as unsigned,
    r.latency_ms,
    r.log_object,
    r.log_line
from asked as r
left join addresses as a
    on case when r.is_unsigned then r.caller_vpc end = a.vpc
    and r.caller_ip = a.ip
where (r.caller = $caller and not coalesce(list_contains(a.callers, r.caller), false))
    or (
        list_contains(a.suspects, $caller)
        and (list_contains(a.callers, r.caller) or r.caller not in (select n.name from nodes as n))
    )
order by r.time, r.log_object, r.log_line
