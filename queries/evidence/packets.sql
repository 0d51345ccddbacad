-- ---
-- title = "Packets from the caller to the callee's front door"
-- question = "Do the caller's packets get to where the callee answers, or are they refused?"
-- about = """
-- The front door's addresses are the load balancer's nodes; for Lattice those at which requests of the last hour, whoever
-- made them, were seen in the flow logs (same source address and port). Attempts: records with SYN, counted at the end
-- that refuses, else at the caller's."""
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window" }
-- callee = { type = "varchar", about = "callee's display name" }
-- [columns]
-- doors = { type = "bigint", about = "addresses of the front door that are known" }
-- records = { type = "bigint", about = "flow records between the two" }
-- refused = { type = "bigint", about = "attempts refused" }
-- attempts = { type = "bigint", about = "attempts at the ends that refuse, accepted ones included" }
-- first_refused = { type = "timestamp with time zone", about = "first refused, at most an hour before the window" }
-- last_refused = { type = "timestamp with time zone", about = "last refused" }
-- after = { type = "bigint", about = "attempts after the last refused one, where it was refused" }
-- last_seen = { type = "timestamp with time zone", about = "end of the last accepted record; where some were refused, after the last of these" }
-- refused_at = { type = "varchar[]", about = "ip:port that refused, or ip where the port is uncertain, at most 5" }
-- ip_versions = { type = "varchar[]", about = "IP versions of what was refused" }
-- lines = { type = "varchar[]", about = "the newest three refusals, object:line" }
-- ---
with doors as (
    select distinct
        a.ip
    from interface_addresses as a
    inner join alb_interfaces as i
        on a.interface_id = i.interface_id
    inner join services as s
        on split_part(s.service, '#', 1) = i.elb
    inner join nodes as n
        on s.node = n.node
    where n.name = $callee
    union
    select
        x.ip
    from alb_nodes as x
    inner join services as s
        on split_part(s.service, '#', 1) = x.elb
    inner join nodes as n
        on s.node = n.node
    where n.name = $callee
    union
    select distinct
        c.dst_ip
    from edge_requests as r
    inner join connections as c
        on r.caller_ip = c.src_ip
        and r.caller_port = c.src_port
        and r.time between c.time - interval 1 minute and c.end_time + interval 1 minute
    where r.callee = $callee
        and r.front_door = 'lattice'
        and is_lattice_address(c.dst_ip)
),

legs as (
    select
        c.*,
        c.tcp_flags is null or c.tcp_flags & 2 = 2 as is_attempt
    from connections as c
    where c.time >= $since - interval 1 hour
        and c.time < $until
        and c.server_ip in (select d.ip from doors as d)
        and c.client_ip in (select p.ip from places as p)
        and (
            c.connection_direction is distinct from 'egress'
            or c.vpc is null
            or exists (select 1 from places as p where p.ip = c.client_ip and coalesce(p.vpc, c.vpc) = c.vpc)
        )
),

refusing as (
    select distinct
        client_ip,
        server_ip,
        server_port,
        interface_id
    from legs
    where action = 'REJECT'
        and is_attempt
),

judged as (
    select
        l.time,
        l.end_time,
        coalesce(address_and_port(l.server_ip, l.server_port), l.server_ip) as server,
        l.ip_version,
        l.is_attempt,
        l.action = 'REJECT' and l.is_attempt as is_refused,
        l.action = 'ACCEPT' as is_accepted,
        r.server_ip is not null as refuses,
        l.time >= $since as in_window,
        l.log_object || ':' || l.log_line as line
    from legs as l
    left join refusing as r
        on l.client_ip = r.client_ip
        and l.server_ip = r.server_ip
        and l.server_port is not distinct from r.server_port
        and l.interface_id is not distinct from r.interface_id
),

last_one as (
    select max(time) as refused_at
    from judged
    where is_refused
        and in_window
)

select
    (select count(*) from doors) as doors,
    count(*) filter (in_window) as records,
    count(*) filter (is_refused and in_window) as refused,
    count(*) filter (is_attempt and refuses and in_window) as attempts,
    min(time) filter (is_refused) as first_refused,
    max(time) filter (is_refused) as last_refused,
    count(*) filter (is_attempt and refuses and time > (select refused_at from last_one)) as after,
    max(end_time) filter (
        is_accepted
            and in_window
            and (not refuses or time > (select refused_at from last_one))
    ) as last_seen,
    list(distinct server order by server) filter (is_refused and in_window)[:5] as refused_at,
    list(distinct 'IPv' || ip_version order by 'IPv' || ip_version) filter (is_refused and in_window) as ip_versions,
    list(line order by time desc, line) filter (is_refused and in_window)[:3] as lines
from judged
