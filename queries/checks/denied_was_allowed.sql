-- ---
-- title = "A caller is denied that was allowed before"
-- question = "Who is refused now that got through before, and which layer says no?"
-- severity = "page"
-- about = """
-- A policy (of a service, a service network or the caller's identity), a load balancer's rule, firewall or log-in, a TLS
-- handshake or a security group refuses a caller. In some hour of the baseline the same caller got through with at most
-- 1 % refused. A Lattice caller that stops signing is recognised by the address it called from when it still signed; of several
-- there, by that it no longer does. Once found, it counts as allowed before until it gets through again, and for as long after
-- that as the baseline."""
-- runbook = """
-- Run `eastwest why CALLER CALLEE`: it says since when and shows log lines. service_policy, network_policy: compare the
-- auth policy's last change with that minute. identity_policy: the caller's own role lacks vpc-lattice-svcs:Invoke.
-- unknown_policy: one of these three; the log does not say which.
-- Not signed any more: look at the caller's deploy. tls: the client certificate and the trust store. packet: security
-- group and network ACL of the address, IPv6 rules included."""
-- reference = "https://docs.aws.amazon.com/vpc-lattice/latest/ug/auth-policies.html"
-- sources = ["lattice_access", "alb_access", "alb_connection", "vpc_flow"]
-- window_minutes = 15
-- history_hours = 24
-- key = ["layer", "caller_id", "service"]
-- [params]
-- baseline_since = { type = "timestamptz", about = "start of the baseline" }
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window" }
-- min_denied = { type = "bigint", default = 3, about = "refusals in the window, at least" }
-- min_share = { type = "double", default = 0.1, about = "share of the caller's attempts that is refused, at least" }
-- min_packet_share = { type = "double", default = 0.5, about = "the same for packets: a stray late packet is often refused" }
-- min_allowed = { type = "bigint", default = 5, about = "attempts allowed in an hour of the baseline, at least" }
-- [columns]
-- layer = { type = "varchar", about = "layer that refuses, as in denials" }
-- caller_id = { type = "varchar", about = "principal of the caller, else its name" }
-- caller = { type = "varchar", about = "caller's display name" }
-- caller_principal = { type = "varchar", about = "role, user or certificate subject; NULL when none was shown" }
-- callee = { type = "varchar", about = "callee's display name" }
-- service = { type = "varchar", about = "id of the service or load balancer; else VPC, address and port" }
-- observed = { type = "double", about = "attempts refused in the window" }
-- expected = { type = "double", about = "attempts refused in the caller's best hour before" }
-- share = { type = "double", about = "refused / attempts in the window, 0 to 1" }
-- allowed_before = { type = "bigint", about = "attempts allowed in that best hour" }
-- unsigned = { type = "boolean", about = "the caller no longer signs" }
-- reason = { type = "varchar", about = "what the log gives as the reason" }
-- first_at = { type = "timestamp with time zone", about = "first refusal in the window" }
-- last_at = { type = "timestamp with time zone", about = "last refusal in the window" }
-- places = { type = "varchar[]", about = "vpc/ip of calls without a principal, of packets with > ip:port; at most 100" }
-- log_object = { type = "varchar", about = "object with the last refusal" }
-- log_line = { type = "integer", about = "its line" }
-- title = { type = "varchar", about = "the finding in a sentence" }
-- ---
with memory as (
    select
        m.finding_key,
        m.evidence ->> 'layer' as layer,
        m.evidence ->> 'caller' as caller,
        m.evidence ->> 'caller_principal' as principal,
        m.evidence ->> 'callee' as callee,
        m.evidence ->> 'service' as service,
        (m.evidence ->> 'unsigned')::boolean as unsigned,
        (m.evidence ->> 'allowed_before')::bigint as allowed,
        m.expected_value as denied,
        from_json(m.evidence -> 'places', '["varchar"]') as places
    from remembered('denied_was_allowed', $baseline_since, $until) as m
),

-- Who is known by an address alone, and by a name from logs of allowed calls, would be another one when these are older
-- than the baseline.
known_places as (
    select
        place,
        layer,
        called,
        min_by(caller, finding_key) as caller,
        min_by(principal, finding_key) as principal,
        min_by(callee, finding_key) as callee,
        min_by(service, finding_key) as service,
        min_by(unsigned, finding_key) as unsigned
    from (
        select
            *,
            -- A load balancer's log shows neither the VPC nor, when no target is reached, which service is meant.
            unnest(list_distinct(places || list_transform(places, lambda place: '/' || split_part(place, '/', 2)))) as place,
            case when layer <> 'packet' then c.name end as called
        from memory
        cross join unnest(list_distinct([service, split_part(service, '#', 1)])) as c (name)
    )
    group by place, layer, called
),

edges as (
    select
        b.caller,
        b.service,
        b.hour as past_hour,
        sum(b.requests - b.denied) as allowed,
        sum(b.denied) as denied
    from edge_calls($baseline_since, $since) as b
    group by b.caller, b.service, b.hour
    union all
    select
        n.caller,
        n.service,
        null,
        sum(n.requests - n.denied),
        sum(n.denied)
    from edge_calls($since, $until) as n
    group by n.caller, n.service
),

refused as materialized (
    select
        *,
        case when caller_principal is null and front_door = 'lattice' then caller_vpc end as unsigned_in,
        case when caller_principal is null then coalesce(caller_vpc, '') || '/' || caller_ip end as place,
        caller in (select n.name from nodes as n) as is_known
    from edge_requests
    where time >= $since
        and time < $until
        and outcome = 'denied'
),

signed as (
    select
        r.caller_vpc as vpc,
        r.caller_ip as ip,
        r.service,
        p.name as caller,
        max(r.time) as last_at
    from lattice_requests as r
    inner join principal_names as p
        on r.caller_principal = p.principal
    semi join refused as u
        on r.caller_vpc = u.unsigned_in
        and r.caller_ip = u.caller_ip
        and r.service = u.service
    where r.time >= $since
        and r.time < $until
    group by r.caller_vpc, r.caller_ip, r.service, p.name
),

-- Whoever signed at an address before is the suspect when unsigned calls from there are refused: of several the one that no
-- longer does, which is when most of these came after its last signed call; not whom another one has followed there.
signers as (
    select
        vpc,
        ip,
        service,
        arg_max(caller, (stopped, allowed, caller)) as caller,
        arg_max(principal, (stopped, allowed, caller)) as principal
    from (
        select
            c.vpc,
            c.ip,
            c.service,
            c.caller,
            any_value(c.principal) as principal,
            any_value(c.allowed) as allowed,
            2 * count(*) filter (g.last_at is null or u.time > g.last_at) > count(*) as stopped
        from (
            select
                s.vpc,
                s.ip,
                e.service,
                p.name as caller,
                min(p.principal) as principal,
                max(e.allowed) as allowed
            from sources as s
            inner join principal_names as p
                on s.principal = p.principal
            inner join edges as e
                on p.name = e.caller
                and e.past_hour is not null
                and e.allowed > 0
            group by s.vpc, s.ip, e.service, p.name
            qualify max(s.hour) >= max(min(s.hour)) over (partition by s.vpc, s.ip, e.service)
        ) as c
        inner join refused as u
            on c.vpc = u.unsigned_in
            and c.ip = u.caller_ip
            and c.service = u.service
        left join signed as g
            on c.vpc = g.vpc
            and c.ip = g.ip
            and c.service = g.service
            and c.caller = g.caller
        group by c.vpc, c.ip, c.service, c.caller
    )
    group by vpc, ip, service
    having bool_or(stopped)
        or count(*) = 1
),

refused_requests as (
    select
        r.denied_by as layer,
        coalesce(g.caller, k.caller, r.caller) as caller,
        coalesce(r.caller_principal, g.principal, k.principal) as principal,
        coalesce(k.callee, r.callee) as callee,
        coalesce(k.service, r.service) as service,
        g.caller is not null or coalesce(k.unsigned, false) as unsigned,
        r.place,
        r.deny_reason as reason,
        r.time,
        r.log_object,
        r.log_line
    from refused as r
    left join signers as g
        on r.unsigned_in = g.vpc
        and r.caller_ip = g.ip
        and r.service = g.service
    left join known_places as k
        on case when not r.is_known then r.place end = k.place
        and r.service = k.called
        and r.denied_by = k.layer
),

requests_now as (
    select
        layer,
        caller,
        coalesce(max(principal), (select min(p.principal) from principal_names as p where p.name = refused_requests.caller))
            as principal,
        any_value(callee) as callee,
        service,
        bool_or(unsigned) as unsigned,
        list(distinct place order by place) filter (place is not null)[:100] as places,
        arg_max(reason, (time, reason)) as reason,
        count(*) as denied,
        min(time) as first_at,
        max(time) as last_at,
        arg_max(log_object, (time, log_object, log_line)) as log_object,
        arg_max(log_line, (time, log_object, log_line)) as log_line
    from refused_requests
    group by layer, caller, service
),

requests_found as (
    select
        n.*,
        n.denied / (n.denied + coalesce(w.allowed, 0)) as share,
        coalesce(p.allowed, m.allowed) as allowed_before,
        coalesce(p.denied, m.denied) as denied_before
    from requests_now as n
    left join (
        select
            caller,
            service,
            max(allowed) as allowed,
            arg_max(denied, (allowed, -denied)) as denied
        from edges
        where past_hour is not null
            and allowed >= $min_allowed
            and denied <= 0.01 * allowed
        group by caller, service
    ) as p
        on n.caller = p.caller
        and n.service = p.service
    left join memory as m
        on n.layer || '|' || coalesce(n.principal, n.caller) || '|' || coalesce(n.service, '') = m.finding_key
    left join edges as w
        on n.caller = w.caller
        and n.service = w.service
        and w.past_hour is null
    where (p.caller is not null or m.finding_key is not null)
        and n.denied >= $min_denied
        and n.denied >= $min_share * (n.denied + coalesce(w.allowed, 0))
),

-- A handshake fails before anybody knows which service is asked for: the load balancer is the callee.
handshakes_found as (
    select
        'tls' as layer,
        d.caller,
        coalesce(max(b.principal), max(p.principal)) as principal,
        d.callee,
        b.elb as service,
        false as unsigned,
        arg_max(d.reason, (d.time, d.reason)) as reason,
        sum(d.count) as denied,
        min(d.time) as first_at,
        max(d.time) as last_at,
        arg_max(d.log_object, (d.time, d.log_object, d.log_line)) as log_object,
        arg_max(d.log_line, (d.time, d.log_object, d.log_line)) as log_line,
        sum(d.count) / (sum(d.count) + coalesce(any_value(w.allowed), 0)) as share,
        any_value(b.allowed) as allowed_before,
        0 as denied_before
    from denials as d
    inner join (
        select
            caller,
            elb,
            max(principal) as principal,
            max(allowed) as allowed
        from (
            select
                caller,
                split_part(service, '#', 1) as elb,
                null as principal,
                allowed
            from edges
            where past_hour is not null
                and allowed >= $min_allowed
            union all
            select
                caller,
                service,
                principal,
                allowed
            from memory
            where layer = 'tls'
        )
        group by caller, elb
    ) as b
        on d.caller = b.caller
    inner join services as s
        on b.elb = s.service
    inner join service_names as n
        on s.service = n.service
        and d.callee = n.name
    left join principal_names as p
        on d.caller = p.name
    left join (
        select
            caller,
            split_part(service, '#', 1) as elb,
            sum(allowed) as allowed
        from edges
        where past_hour is null
        group by caller, elb
    ) as w
        on d.caller = w.caller
        and b.elb = w.elb
    where d.layer = 'tls'
        and d.time >= $since
        and d.time < $until
    group by d.caller, d.callee, b.elb
    having sum(d.count) >= $min_denied
        and share >= $min_share
),

-- An attempt is a record with SYN; formats without tcp_flags cannot tell, and what is not TCP has none: there every record
-- is one. A refused record of an old connection (its tracking has expired) is no attempt. Each end counts for itself: what the server's interface
-- refuses was accepted at the client's.
attempts as (
    select
        vpc,
        client_ip,
        server_ip,
        server_port,
        protocol,
        connection_direction,
        count(*) filter (action = 'REJECT') as denied,
        count(*) filter (action = 'ACCEPT') as allowed,
        min(time) filter (action = 'REJECT') as first_at,
        max(time) filter (action = 'REJECT') as last_at,
        arg_max(log_object, (time, log_object, log_line)) filter (action = 'REJECT') as log_object,
        arg_max(log_line, (time, log_object, log_line)) filter (action = 'REJECT') as log_line
    from connections
    where time >= $since
        and time < $until
        and (protocol <> 6 or tcp_flags is null or tcp_flags & 2 = 2)
    group by all
    having denied > 0
        and denied >= $min_packet_share * (denied + allowed)
),

packets_before as (
    select
        vpc,
        src_ip,
        dst_ip,
        server_port,
        protocol,
        max(allowed) as allowed
    from (
        select
            hour,
            vpc,
            src_ip,
            dst_ip,
            server_port,
            protocol,
            coalesce(sum(flows) filter (action = 'ACCEPT'), 0) as allowed,
            coalesce(sum(flows) filter (action = 'REJECT'), 0) as denied
        from flow_hours
        where hour >= $baseline_since
            and hour < $since
        group by all
    )
    where allowed >= $min_allowed
        and denied <= 0.01 * allowed
    group by all
),

packets_named as (
    select
        a.*,
        coalesce(k.caller, c.name, key_name(coalesce(v.vpc, a.vpc, '') || '/' || a.client_ip)) as caller,
        coalesce(k.principal, (select min(p.principal) from principal_names as p where p.name = c.name)) as principal,
        coalesce(
            k.callee,
            coalesce(s.name, case when contains(a.server_ip, ':') then '[' || a.server_ip || ']' else a.server_ip end)
            || ':' || a.server_port
        ) as callee,
        coalesce(k.service, s.node, coalesce(a.vpc, '') || '/' || a.server_ip || ':' || a.server_port) as service,
        coalesce(a.vpc, '') || '/' || a.client_ip || ' > ' || a.server_ip || ':' || a.server_port as place,
        b.allowed as allowed_before
    from attempts as a
    left join packets_before as b
        on a.vpc is not distinct from b.vpc
        and a.client_ip = b.src_ip
        and a.server_ip = b.dst_ip
        and a.server_port = b.server_port
        and a.protocol is not distinct from b.protocol
    left join known_places as k
        on coalesce(a.vpc, '') || '/' || a.client_ip || ' > ' || a.server_ip || ':' || a.server_port = k.place
        and k.layer = 'packet'
    left join address_vpcs as v
        on a.client_ip = v.ip
        and date_trunc('hour', a.last_at) = v.hour
    left join address_names as c
        on coalesce(v.vpc, a.vpc) = c.vpc
        and a.client_ip = c.ip
        and date_trunc('hour', a.last_at) = c.hour
    left join address_names as s
        on a.vpc = s.vpc
        and a.server_ip = s.ip
        and date_trunc('hour', a.last_at) = s.hour
    where a.server_port is not null
        and (b.src_ip is not null or exists (select 1 from memory as m where m.layer = 'packet'))
),

packets_found as (
    select
        'packet' as layer,
        a.caller,
        a.principal,
        a.callee,
        a.service,
        false as unsigned,
        list(distinct a.place order by a.place)[:100] as places,
        'REJECT' as reason,
        sum(a.denied) as denied,
        min(a.first_at) as first_at,
        max(a.last_at) as last_at,
        arg_max(a.log_object, (a.last_at, a.log_object, a.log_line)) as log_object,
        arg_max(a.log_line, (a.last_at, a.log_object, a.log_line)) as log_line,
        sum(a.denied) / sum(a.denied + a.allowed) as share,
        coalesce(sum(a.allowed_before), any_value(m.allowed)) as allowed_before,
        0 as denied_before
    from packets_named as a
    left join memory as m
        on 'packet|' || coalesce(a.principal, a.caller) || '|' || a.service = m.finding_key
    where a.allowed_before is not null
        or m.finding_key is not null
    group by a.caller, a.principal, a.callee, a.service
    having sum(a.denied) >= $min_denied
),

found as (
    select * from requests_found
    union all by name
    select * from handshakes_found
    union all by name
    select * from packets_found
)

select
    layer,
    coalesce(principal, caller) as caller_id,
    caller,
    principal as caller_principal,
    callee,
    service,
    denied::double as observed,
    denied_before::double as expected,
    share::double as share,
    allowed_before::bigint as allowed_before,
    unsigned,
    reason,
    first_at,
    last_at,
    coalesce(places, []) as places,
    log_object,
    log_line,
    callee || ' refuses ' || caller || case when layer = 'packet' then ' packets' else ' (' || layer || ')' end
        || case when unsigned then ', which no longer signs' else '' end || ': ' || denied || ' times since '
        || strftime(first_at, '%H:%M') || 'Z, ' || round(100 * share)::integer || ' % of its attempts; '
        || allowed_before || ' allowed in an hour before'
        as title
from found
order by observed desc, layer, caller, service
