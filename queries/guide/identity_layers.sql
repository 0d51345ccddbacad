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
-- its front door (as the report bypass finds them)."""
-- blind = """
-- A check inside the application shows in no log. That the network limits sources is seen only when it refused somebody
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
            sum(c.requests) filter (c.denied_by in ('service_policy', 'network_policy', 'identity_policy', 'alb_auth')), 0
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

passed as (
    select
        d.service as node,
        sum(d.flows) as flows,
        list(distinct d.caller order by d.caller) as callers
    from direct_connections($since, $until, $min_flows, 10) as d
    group by d.service
),

rejected as (
    select
        t.node,
        sum(f.flows) as flows
    from (
        select distinct
            e.hour,
            e.ip,
            e.port,
            s.node
        from endpoint_hours as e
        left join alb_target_groups as g
            on e.id = g.target_group
        inner join services as s
            on coalesce(g.service, e.id) = s.service
        where e.side = 'target'
            and e.hour >= hour_of($since)
            and e.hour < $until
    ) as t
    inner join flow_hours as f
        on t.hour = f.hour
        and t.ip = f.dst_ip
        and t.port = f.server_port
    where f.action = 'REJECT'
    group by t.node
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
