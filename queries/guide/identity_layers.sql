-- ---
-- title = "Network and identity in layers"
-- question = "Which services show no identity check at their front door, and which are reached past it?"
-- place = 3
-- practice = """
-- Combine both layers: security groups limit which sources reach a service, and an identity check (an auth policy, a client
-- certificate, a token) decides who may call. Either one alone is a single point of misconfiguration."""
-- reference = "https://aws.github.io/aws-networking-best-practices/application-networking/service-to-service/#authentication-and-authorization-best-practices"
-- about = """
-- One row per service that was called. Identity is seen where a front door let a principal, a certificate or a token in, or
-- refused a caller by a policy or for its token. A service follows when identity is seen and no connection was accepted past
-- its front door: at an address and port that in that hour was a target of this service alone, and to which the front door
-- connected too. The report bypass looks at the minute and the source object."""
-- blind = """
-- A check inside the application shows in no log. An address that two services had in one hour is left out. That the network limits sources is seen only when it refused somebody
-- (packet_rejects); no refusal says nothing. Without flow records nobody sees who goes past the front door."""
-- action = """
-- no_identity: put an auth policy on the Lattice service, or mutual TLS or JWT verification on the load balancer. bypassed:
-- allow the front door alone in the target's security group, and find out why the caller goes round (report bypass)."""
-- says = "{followed:,.0f} of {counted:,.0f} services show an identity check and nobody past it"
-- unit = "services"
-- sources = ["lattice_access", "alb_access", "vpc_flow"]
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- min_flows = { type = "bigint", default = 3, about = "accepted flow records past the front door, at least" }
-- followed_from = { type = "double", default = 1.0, about = "share of services from which the practice is followed" }
-- partly_from = { type = "double", default = 0.5, about = "share of services from which it is partly followed" }
-- [columns]
-- subject = { type = "varchar", about = "service" }
-- reason = { type = "varchar", about = "bypassed or no_identity; NULL when both layers hold" }
-- followed = { type = "double", about = "1 when both layers hold, else 0" }
-- counted = { type = "double", about = "1" }
-- share = { type = "double", about = "followed / counted" }
-- verdict = { type = "varchar", about = "followed or not followed" }
-- finding = { type = "varchar", about = "what does not follow, in words" }
-- requests = { type = "bigint", about = "requests in the window" }
-- identified = { type = "bigint", about = "of these, with a principal, certificate or token" }
-- refused_by_identity = { type = "bigint", about = "of these, refused by an auth policy or for a token" }
-- past_front_door = { type = "bigint", about = "accepted flow records past the front door" }
-- packet_rejects = { type = "bigint", about = "flow records refused at its targets" }
-- past_by = { type = "varchar[]", about = "who went past the front door, at most 10", wide = true }
-- ---
with called as (
    select
        c.callee,
        c.callee_node as node,
        split_part(c.service, '#', 1) as front_door_id,
        sum(c.requests) as requests,
        coalesce(
            sum(c.requests) filter (shows_identity(c.front_door, c.signed, c.auth_decision, c.caller_key)), 0
        ) as identified,
        coalesce(
            sum(c.requests) filter (
                c.denied_by in ('service_policy', 'network_policy', 'identity_policy', 'unknown_policy', 'alb_auth')
            ), 0
        ) as refused
    from window_calls($since, $until) as c
    where c.called is not null
    group by all
),

-- Load balancers that accepted a client certificate; their access lines do not say so.
certified as (
    select
        t.elb,
        count(*) as handshakes
    from alb_connection as t
    where t.timestamp >= $since
        and t.timestamp < $until
        and t.leaf_client_cert_subject is not null
        and t.tls_verify_status = 'Success'
    group by t.elb
),

services_called as (
    select
        c.node,
        any_value(c.callee) as callee,
        sum(c.requests) as requests,
        least(sum(c.identified + coalesce(k.handshakes, 0)), sum(c.requests)) as identified,
        sum(c.refused) as refused
    from called as c
    left join certified as k
        on c.front_door_id = k.elb
    group by c.node
    having sum(c.requests) > 0
),

-- Targets of one service alone in an hour: an address that a deploy gave to another in that hour says nothing.
answering as (
    select
        t.hour,
        t.vpc,
        t.ip,
        t.port,
        min(t.node) as node,
        list(distinct t.elb) as elbs
    from (
        select
            e.hour,
            e.vpc,
            e.ip,
            e.port,
            s.node,
            null as elb
        from endpoint_hours as e
        inner join services as s
            on e.id = s.service
        where e.side = 'target'
            and e.id not in (select k.service from seen_through as k)
        group by e.hour, e.vpc, e.ip, e.port, s.node
        having sum(e.sightings) > 0
        union
        select
            g.hour,
            p.vpc,
            g.ip,
            g.port,
            s.node,
            g.elb
        from alb_targets as g
        inner join services as s
            on g.service = s.service
        left join alb_peers as p
            on g.hour = p.hour
            and g.elb = p.elb
            and g.ip = p.ip
    ) as t
    where t.hour >= hour_of($since)
        and t.hour < $until
    group by t.hour, t.vpc, t.ip, t.port
    having count(distinct t.node) = 1
),

arrivals as (
    select
        a.node,
        a.hour,
        a.ip,
        a.port,
        f.vpc,
        f.src_ip as client_ip,
        case
            when n.elb is not null then list_contains(a.elbs, n.elb)
            else is_lattice_address(f.src_ip)
        end as by_front_door,
        coalesce(sum(f.flows) filter (f.action = 'ACCEPT'), 0) as accepted,
        coalesce(sum(f.flows) filter (f.action = 'REJECT'), 0) as rejected
    from answering as a
    inner join flow_hours as f
        on a.hour = f.hour
        and a.ip = f.dst_ip
        and a.port = f.server_port
        and (a.vpc = f.vpc or a.vpc is null or f.vpc is null)
    left join alb_nodes as n
        on f.src_ip = n.ip
    where f.protocol = 6
        and coalesce(f.direction, 'ingress') = 'ingress'
        and f.src_ip <> f.dst_ip
    group by all
),

-- Where the front door connected to the same target in that hour.
past as (
    select
        d.node,
        coalesce(v.vpc, d.vpc) as client_vpc,
        d.client_ip,
        d.hour,
        d.accepted as flows
    from arrivals as d
    left join address_vpcs as v
        on d.client_ip = v.ip
        and d.hour = v.hour
    where not d.by_front_door
        and d.accepted > 0
        and (d.hour, d.ip, d.port) in (select (b.hour, b.ip, b.port) from arrivals as b where b.by_front_door and b.accepted > 0)
),

named as (
    select
        p.node,
        coalesce(a.name, key_name(coalesce(p.client_vpc, '') || '/' || p.client_ip)) as caller,
        sum(p.flows) as flows
    from past as p
    left join address_names as a
        on p.client_vpc = a.vpc
        and p.client_ip = a.ip
        and p.hour = a.hour
    where a.node is distinct from p.node
    group by p.node, caller
    having sum(p.flows) >= $min_flows
),

passed as (
    select
        n.node,
        sum(n.flows) as flows,
        list(n.caller order by n.flows desc, n.caller) as callers
    from named as n
    group by n.node
),

rejected as (
    select
        a.node,
        sum(a.rejected) as flows
    from arrivals as a
    group by a.node
),

judged as (
    select
        s.callee,
        s.requests,
        s.identified,
        s.refused,
        coalesce(p.flows, 0) as past,
        coalesce(p.callers, []) as past_by,
        coalesce(r.flows, 0) as packet_rejects,
        case
            when p.flows > 0 then 'bypassed'
            when s.identified = 0 and s.refused = 0 then 'no_identity'
        end as reason
    from services_called as s
    left join passed as p
        on s.node = p.node
    left join rejected as r
        on s.node = r.node
)

select
    j.callee as subject,
    j.reason,
    case when j.reason is null then 1.0 else 0.0 end::double as followed,
    1::double as counted,
    case when j.reason is null then 1.0 else 0.0 end::double as share,
    practice_verdict(case when j.reason is null then 1 else 0 end, 1, $followed_from, $partly_from) as verdict,
    case j.reason
        when 'bypassed' then array_to_string(j.past_by[:3], ', ') || ' went past the front door, ' || counted_text(j.past) || ' flows'
            || case when j.identified = 0 and j.refused = 0 then '; no identity check seen' else '' end
        when 'no_identity' then 'no identity check seen in ' || counted_text(j.requests) || ' requests: the network is the only gate'
    end as finding,
    j.requests::bigint as requests,
    j.identified::bigint as identified,
    j.refused::bigint as refused_by_identity,
    j.past::bigint as past_front_door,
    j.packet_rejects::bigint as packet_rejects,
    j.past_by[:10] as past_by
from judged as j
order by j.reason is null, j.reason, j.past desc, j.requests desc, subject
