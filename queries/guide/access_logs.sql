-- ---
-- title = "Access logs from day one, at every layer"
-- question = "Which sources of logs are silent or have gaps, and which services are missing at one layer?"
-- place = 8
-- practice = """
-- Switch access logs on from day one for every service network and every load balancer in front of an internal service, beside
-- flow logs and traces: they cannot be made afterwards, when an incident needs them."""
-- reference = "https://aws.github.io/aws-networking-best-practices/application-networking/service-to-service/#observability-best-practices"
-- about = """
-- One row per source of logs that delivered regularly (as the report gaps tells sources), per service that access logs show, and
-- per caller that flow records alone show. A source follows when it delivered whenever it was due in the window, a service when
-- flow records show its targets. An address that connects to Lattice at least min_flows times an hour and is in no access log of
-- that hour or the ones beside it calls something that writes none (ports 80 and 443; not behind NAT, where the log names the NAT)."""
-- blind = """
-- Traces are not in this lake. A load balancer whose access log was never on is no load balancer to us unless its connection log
-- is there. A source that never delivered is not missed. A caller whose TLS handshakes with Lattice all fail has no access log
-- line either."""
-- action = """
-- silent, gap: see the check silent_source and the report gaps. no_flow_log: a flow log for the VPC of its targets. no_access_log:
-- an access log subscription for the service network (or access logs of the load balancer)."""
-- says = "{followed:,.0f} of {counted:,.0f} sources and services are logged at every layer"
-- unit = "sources and services"
-- sources = []
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- min_flows = { type = "bigint", default = 10, about = "flow records an hour from which a caller must be in an access log" }
-- followed_from = { type = "double", default = 1.0, about = "share from which the practice is followed" }
-- partly_from = { type = "double", default = 0.8, about = "share from which it is partly followed" }
-- [columns]
-- subject = { type = "varchar", about = "source of logs, service, load balancer, or address" }
-- reason = { type = "varchar", about = "silent, gap, no_access_log or no_flow_log; NULL when it follows" }
-- followed = { type = "double", about = "1 when it follows, else 0" }
-- counted = { type = "double", about = "1" }
-- share = { type = "double", about = "followed / counted" }
-- verdict = { type = "varchar", about = "followed or not followed" }
-- finding = { type = "varchar", about = "what does not follow, in words" }
-- kind = { type = "varchar", about = "source, service, load_balancer or caller" }
-- format = { type = "varchar", about = "of a source: the table its records go to" }
-- missed = { type = "bigint", about = "of a source: five-minute slots of the window without an object" }
-- flows = { type = "bigint", about = "of a caller: flow records to Lattice" }
-- last_at = { type = "timestamp with time zone", about = "end of its last slot, or its last hour" }
-- ---
with ended as (
    select least($until, coalesce((select max(o.max_time) from objects as o), $until)) as at_time
),

slots as (
    select
        d.source,
        d.slot,
        case
            when d.taken_over then 0
            else greatest(
                date_diff(
                    'minute',
                    greatest(d.slot + interval 5 minutes, time_bucket(interval 5 minutes, $since)),
                    least(coalesce(d.next_slot, time_bucket(interval 5 minutes, e.at_time)), $until)
                ) // 5,
                0
            )
        end as missed
    from deliveries($since - interval 24 hours, $until) as d, ended as e
),

sources_seen as (
    select
        d.source,
        d.format,
        d.delivered_until,
        not d.taken_over and d.delivered_until + interval 15 minutes <= e.at_time as is_silent,
        sum(s.missed) as missed
    from delivering($since - interval 24 hours, $until) as d
    inner join slots as s
        on d.source = s.source
    cross join ended as e
    where d.regular >= 0.9
        and d.delivered >= 6
    group by d.source, d.format, d.delivered_until, d.taken_over, e.at_time
),

answered as (
    select
        s.node,
        e.hour,
        e.vpc,
        e.ip,
        e.port
    from endpoint_hours as e
    left join alb_target_groups as g
        on e.id = g.target_group
    inner join services as s
        on coalesce(g.service, e.id) = s.service
    where e.side = 'target'
        and e.hour >= hour_of($since)
        and e.hour < $until
        and e.ip is not null
    group by all
    having sum(e.sightings) > 0
),

services_seen as (
    select
        n.name,
        max(a.hour) as last_at,
        bool_or(f.dst_ip is not null) as in_flows
    from answered as a
    inner join nodes as n
        on a.node = n.node
    left join (
        select
            hour,
            dst_ip,
            server_port,
            vpc,
            direction
        from flow_hours
        group by all
        having sum(flows) > 0
    ) as f
        on a.hour = f.hour
        and a.ip = f.dst_ip
        and a.port = f.server_port
        and (a.vpc = f.vpc or a.vpc is null or f.vpc is null or f.direction = 'egress')
    group by n.name
),

logged_callers as (
    select
        e.hour,
        e.vpc,
        e.ip
    from endpoint_hours as e
    where e.side = 'source'
    union
    select
        hour_of(m.minute),
        split_part(m.caller_key, '/', 1),
        split_part(m.caller_key, '/', 2)
    from call_minutes as m
    where starts_with(m.caller_key, 'vpc-')
    union
    select
        hour_of(r.event_timestamp),
        split_part(r.source_vpc_arn, '/', -1),
        r.source_ip
    from lattice_resource_access as r
),

to_lattice as (
    select
        f.hour,
        f.vpc,
        f.src_ip,
        sum(f.flows) as flows
    from flow_hours as f
    where f.direction = 'egress'
        and f.action = 'ACCEPT'
        and f.hour >= hour_of($since)
        and f.hour < $until
        and is_lattice_address(f.dst_ip)
        and not is_lattice_address(f.src_ip)
        and f.server_port in (80, 443)
    group by f.hour, f.vpc, f.src_ip
    having sum(f.flows) >= $min_flows
),

unlogged as (
    select
        t.vpc,
        t.src_ip,
        sum(t.flows) as flows,
        max(t.hour) as last_at
    from to_lattice as t
    where not exists (
            select 1
            from logged_callers as l
            where l.ip = t.src_ip
                and (l.vpc = t.vpc or l.vpc is null or t.vpc is null)
                and l.hour between t.hour - interval 1 hour and t.hour + interval 1 hour
        )
        and (t.vpc, t.src_ip) not in (select (n.vpc, n.client_ip) from nat_paths($since, $until) as n)
    group by t.vpc, t.src_ip
),

named as (
    select
        u.*,
        coalesce(a.name, key_name(coalesce(u.vpc, '') || '/' || u.src_ip)) as name
    from unlogged as u
    left join address_names as a
        on u.last_at = a.hour
        and u.vpc = a.vpc
        and u.src_ip = a.ip
),

-- The name of an object says its load balancer: ..._app.<name>.<id>
balancers as (
    select
        regexp_extract(s.source, '_(app\.[^_]+)', 1) as balancer,
        bool_or(s.format = 'alb_access') as has_access_log,
        max(s.delivered_until) as last_at
    from delivering($since - interval 24 hours, $until) as s
    where s.format in ('alb_access', 'alb_connection', 'alb_health_check')
    group by balancer
    having balancer <> ''
),

judged as (
    select
        s.source as subject,
        'source' as kind,
        case
            when s.is_silent then 'silent'
            when s.missed > 0 then 'gap'
        end as reason,
        s.format,
        s.missed,
        null as flows,
        s.delivered_until as last_at
    from sources_seen as s
    union all
    select
        v.name,
        'service',
        case when not v.in_flows then 'no_flow_log' end,
        null,
        null,
        null,
        v.last_at
    from services_seen as v
    union all
    select
        n.name,
        'caller',
        'no_access_log',
        null,
        null,
        n.flows,
        n.last_at
    from named as n
    union all
    select
        b.balancer,
        'load_balancer',
        'no_access_log',
        null,
        null,
        null,
        b.last_at
    from balancers as b
    where not b.has_access_log
)

select
    j.subject,
    j.reason,
    case when j.reason is null then 1.0 else 0.0 end::double as followed,
    1::double as counted,
    case when j.reason is null then 1.0 else 0.0 end::double as share,
    practice_verdict(case when j.reason is null then 1 else 0 end, 1, $followed_from, $partly_from) as verdict,
    case j.reason
        when 'silent' then 'silent since ' || strftime(j.last_at, '%Y-%m-%d %H:%M') || 'Z'
        when 'gap' then j.missed || ' of its five-minute slots are missing'
        when 'no_flow_log' then 'no flow record shows its targets'
        when 'no_access_log' then
            case j.kind
                when 'caller' then counted_text(j.flows) || ' flows to Lattice, and no access log names it'
                else 'delivers other logs, and no access log'
            end
    end as finding,
    j.kind,
    j.format,
    j.missed::bigint as missed,
    j.flows::bigint as flows,
    j.last_at
from judged as j
order by array_position(['silent', 'no_access_log', 'no_flow_log', 'gap'], j.reason) nulls last, j.missed desc, j.flows desc, j.kind, subject
