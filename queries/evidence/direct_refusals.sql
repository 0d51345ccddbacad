-- ---
-- title = "Packets refused past the front door"
-- question = "Does the caller send packets straight to the callee's own addresses, and are they refused there?"
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window" }
-- caller = { type = "varchar", about = "caller's display name" }
-- callee = { type = "varchar", about = "callee's display name" }
-- [columns]
-- refused = { type = "bigint", about = "flow records with REJECT" }
-- first_refused = { type = "timestamp with time zone", about = "first of them" }
-- ports = { type = "bigint", about = "ports that were tried" }
-- refused_at = { type = "varchar[]", about = "addresses that refused, at most 5" }
-- ip_versions = { type = "varchar[]", about = "IP versions of what was refused" }
-- lines = { type = "varchar[]", about = "the newest three, object:line" }
-- ---
select
    coalesce(sum(d.count), 0)::bigint as refused,
    min(d.time) as first_refused,
    count(distinct d.target_port) as ports,
    list(distinct d.target_ip order by d.target_ip)[:5] as refused_at,
    list(distinct 'IPv' || ip_version(d.target_ip) order by 'IPv' || ip_version(d.target_ip)) as ip_versions,
    list(d.log_object || ':' || d.log_line order by d.time desc, d.log_object, d.log_line)[:3] as lines
from denials as d
where d.layer = 'packet'
    and d.caller = $caller
    and d.callee = $callee
    and d.time >= $since
    and d.time < $until
