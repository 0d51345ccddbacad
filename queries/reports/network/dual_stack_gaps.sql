-- ---
-- title = "Dual-stack gaps"
-- question = "Where is IPv4 accepted and IPv6 rejected, or the other way round, on the same destination and port?"
-- about = """
-- The same destination: both addresses belong to the node of one name, else to one network interface. Rejected means at the
-- destination's own interface, or wherever a reject was logged; accepted likewise. A side that was never tried is no
-- gap. Ports from 32768 on are nobody's, gRPC's 50051 excepted."""
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- min_rejects = { type = "bigint", default = 3, about = "rejected flow records, at least" }
-- [columns]
-- callee = { type = "varchar", about = "display name of the destination, else its interface" }
-- port = { type = "integer", about = "destination port" }
-- rejected_version = { type = "integer", about = "4 or 6: the version that is rejected" }
-- rejects = { type = "bigint", about = "rejected flow records of that version" }
-- accepts_same_version = { type = "bigint", about = "accepted ones of that version: above 0, only some sources or times are affected" }
-- accepts_other_version = { type = "bigint", about = "accepted ones of the other version" }
-- first_reject = { type = "timestamp with time zone", about = "first reject" }
-- last_reject = { type = "timestamp with time zone", about = "last reject" }
-- callers = { type = "varchar[]", about = "who was rejected, at most 10" }
-- rejected_ips = { type = "varchar[]", about = "destination addresses that reject, at most 10" }
-- accepting_ips = { type = "varchar[]", about = "destination addresses that accept, at most 10" }
-- vpc = { type = "varchar", about = "VPC of the destination's interface" }
-- complete_until = { type = "timestamp with time zone", about = "until when flow records are complete; NULL: there are none" }
-- ---
with seen as (
    select
        c.vpc,
        c.server_ip,
        c.server_port,
        c.client_ip,
        c.action,
        c.interface_id,
        hour_of(c.time) as hour,
        ip_version(c.server_ip) as version,
        count(*) as flows,
        min(c.time) as first_at,
        max(c.time) as last_at
    from connections as c
    where c.time >= $since
        and c.time < $until
        and c.server_port is not null
        and (c.server_port < 32768 or c.server_port = 50051)
        and coalesce(c.connection_direction, 'ingress') = 'ingress'
    group by all
),

-- The client's VPC as in bypass: an address that several have, or none that is known, is in the destination's.
placed as (
    select
        s.*,
        coalesce(n.name, s.interface_id, s.server_ip) as destination,
        coalesce(m.name, key_name(coalesce(v.vpc, s.vpc, '') || '/' || s.client_ip)) as caller
    from seen as s
    left join address_names as n
        on s.vpc = n.vpc
        and s.server_ip = n.ip
        and s.hour = n.hour
    left join address_vpcs as v
        on s.client_ip = v.ip
        and s.hour = v.hour
    left join address_names as m
        on coalesce(v.vpc, s.vpc) = m.vpc
        and s.client_ip = m.ip
        and s.hour = m.hour
),

counted as (
    select
        p.destination,
        p.vpc,
        p.server_port,
        v.version as rejected_version,
        coalesce(sum(p.flows) filter (p.version = v.version and p.action = 'REJECT'), 0) as rejects,
        coalesce(sum(p.flows) filter (p.version = v.version and p.action = 'ACCEPT'), 0) as same,
        coalesce(sum(p.flows) filter (p.version <> v.version and p.action = 'ACCEPT'), 0) as other,
        min(p.first_at) filter (p.version = v.version and p.action = 'REJECT') as first_reject,
        max(p.last_at) filter (p.version = v.version and p.action = 'REJECT') as last_reject,
        list(distinct p.caller order by p.caller) filter (p.version = v.version and p.action = 'REJECT') as callers,
        list(distinct p.server_ip order by p.server_ip) filter (p.version = v.version and p.action = 'REJECT') as rejected_ips,
        list(distinct p.server_ip order by p.server_ip) filter (p.version <> v.version and p.action = 'ACCEPT') as accepting_ips
    from placed as p
    cross join (values (4), (6)) as v (version)
    group by p.destination, p.vpc, p.server_port, v.version
)

select
    c.destination as callee,
    c.server_port as port,
    c.rejected_version,
    c.rejects::bigint as rejects,
    c.same::bigint as accepts_same_version,
    c.other::bigint as accepts_other_version,
    c.first_reject,
    c.last_reject,
    c.callers[:10] as callers,
    c.rejected_ips[:10] as rejected_ips,
    c.accepting_ips[:10] as accepting_ips,
    c.vpc,
    (select w.complete_until from watermarks as w where w.source = 'vpc_flow') as complete_until
from counted as c
where c.rejects >= $min_rejects
    and c.other > 0
order by c.rejects desc, c.destination, c.server_port, c.rejected_version, c.vpc
