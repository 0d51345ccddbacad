-- ---
-- title = "Rejected packets, explained"
-- question = "Is a rejected packet a known caller that lost its way in (drift), or somebody who has no business there (probe)?"
-- about = """
-- drift: the source has answered calls to the same service, or accepted packets to the same port
-- at the interface that refuses, in the seven days before
-- or in the window; a security group or network ACL has moved away from what is in use. known_elsewhere: it calls others
-- here. probe: nothing else is known of it. Flow records say whether a group or an ACL said no only for BPA and EC."""
-- history_hours = 168
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- min_rejects = { type = "bigint", default = 1, about = "leave out pairs with fewer rejects" }
-- [columns]
-- verdict = { type = "varchar", about = "drift, known_elsewhere or probe" }
-- caller = { type = "varchar", about = "display name of the source" }
-- callee = { type = "varchar", about = "display name of what it wanted to reach" }
-- target_port = { type = "integer", about = "port, where it is one" }
-- ports = { type = "bigint", about = "ports it tried" }
-- rejects = { type = "bigint", about = "rejected attempts in the window" }
-- first_seen = { type = "timestamp with time zone", about = "first of them" }
-- last_seen = { type = "timestamp with time zone", about = "first of them in the last minute that has one" }
-- calls_allowed = { type = "bigint", about = "calls of that source that the service answered" }
-- accepted_before = { type = "bigint", about = "records of connections from that source to the same port that the interface accepted" }
-- last_allowed = { type = "timestamp with time zone", about = "newest of both: hour or minute" }
-- other_callees = { type = "bigint", about = "others that the source calls" }
-- ip_versions = { type = "varchar", about = "4, 6 or both, of the rejected packets" }
-- complete_until = { type = "timestamp with time zone", about = "until when flow records are complete; NULL: there are none" }
-- ---
with refused as (
    select
        d.caller,
        d.callee,
        d.caller_ip,
        d.target_ip,
        d.target_port,
        d.direction,
        d.vpc,
        d.interface_id,
        sum(d.count) as rejects,
        min(d.time) as first_seen,
        max(d.time) as last_seen
    from denials as d
    where d.layer = 'packet'
        and d.time >= $since
        and d.time < $until
    group by all
),

pairs as (
    select
        caller,
        callee,
        case when count(distinct target_port) = 1 then min(target_port) end as target_port,
        count(distinct target_port) as ports,
        sum(rejects)::bigint as rejects,
        min(first_seen) as first_seen,
        max(last_seen) as last_seen,
        string_agg(distinct ip_version(target_ip)::varchar, ', ' order by ip_version(target_ip)::varchar) as ip_versions
    from refused
    group by caller, callee
),

-- The service at the address that refused, whatever the address itself is called (a load balancer's node has the load
-- balancer's name, its services have their own).
services_at as (
    select distinct
        r.caller,
        r.callee,
        n.name as service
    from refused as r
    inner join targets as t
        on r.target_ip = t.ip
        and (r.direction is distinct from 'ingress' or r.vpc is null or t.vpc is null or r.vpc = t.vpc)
    inner join nodes as n
        on t.node = n.node
    union
    select distinct
        r.caller,
        r.callee,
        n.name
    from refused as r
    inner join nodes as b
        on r.callee = b.name
    inner join services as x
        on b.node = x.node
    inner join services as s
        on split_part(x.service, '#', 1) = split_part(s.service, '#', 1)
    inner join nodes as n
        on s.node = n.node
    union
    select distinct
        r.caller,
        r.callee,
        r.callee
    from refused as r
),

answered as (
    select
        s.caller,
        s.callee,
        sum(c.ok)::bigint as calls_allowed,
        max(c.last_ok) as last_allowed
    from services_at as s
    inner join edge_spans(timestamptz '1970-01-01 00:00:00+00', $until) as c
        on s.caller = c.caller
        and s.service = c.callee
    where c.ok > 0
    group by s.caller, s.callee
),

-- At the interface that refuses, as far as the log tells which: the client's own may let out what the other side refuses,
-- and the same addresses in another VPC are others'.
accepted as (
    select
        r.caller,
        r.callee,
        sum(f.flows)::bigint as flows,
        max(f.hour) as hour
    from refused as r
    inner join accepted_flows as f
        on r.caller_ip = f.src_ip
        and r.target_ip = f.dst_ip
        and r.target_port = f.server_port
        and r.direction is not distinct from f.direction
        and r.vpc is not distinct from f.vpc
        and r.interface_id is not distinct from f.interface_id
    where f.hour < $until
    group by r.caller, r.callee
    having sum(f.flows) > 0
),

elsewhere as (
    select
        p.caller,
        p.callee,
        count(distinct c.callee) as others
    from pairs as p
    inner join edge_spans(timestamptz '1970-01-01 00:00:00+00', $until) as c
        on p.caller = c.caller
        and p.callee <> c.callee
    where c.ok > 0
    group by p.caller, p.callee
)

select
    case
        when a.calls_allowed > 0 or f.flows > 0 then 'drift'
        when e.others > 0 then 'known_elsewhere'
        else 'probe'
    end as verdict,
    p.caller,
    p.callee,
    p.target_port,
    p.ports,
    p.rejects,
    p.first_seen,
    p.last_seen,
    coalesce(a.calls_allowed, 0)::bigint as calls_allowed,
    coalesce(f.flows, 0)::bigint as accepted_before,
    greatest(a.last_allowed, f.hour) as last_allowed,
    coalesce(e.others, 0) as other_callees,
    p.ip_versions,
    (select w.complete_until from watermarks as w where w.source = 'vpc_flow') as complete_until
from pairs as p
left join answered as a
    on p.caller = a.caller
    and p.callee = a.callee
left join accepted as f
    on p.caller = f.caller
    and p.callee = f.callee
left join elsewhere as e
    on p.caller = e.caller
    and p.callee = e.callee
where p.rejects >= $min_rejects
order by p.rejects desc, p.first_seen, p.caller, p.callee
