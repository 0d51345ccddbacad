-- ---
-- title = "Denied, then direct"
-- question = "Who was refused at the front door and then connected straight to the service's targets?"
-- about = """
-- The client is the refused caller: the same address in the same VPC (as far as the logs tell), or an address that only it
-- had in that hour. The connection was accepted at a target's own interface, at an address and port that requests to the
-- service reached within live_minutes. Without flow records of the target's VPC nothing is found; complete_until says until when there are any."""
-- around_minutes = 10
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- within_minutes = { type = "bigint", default = 60, about = "from a refusal to a direct connection, at most" }
-- live_minutes = { type = "bigint", default = 10, about = "a request reached the target this near to the connection; of the minutes outside the window 10 are looked at" }
-- [columns]
-- caller = { type = "varchar", about = "display name of the refused caller" }
-- callee = { type = "varchar", about = "display name of the service" }
-- layer = { type = "varchar", about = "layers that refused" }
-- denied = { type = "bigint", about = "refusals in the window" }
-- first_denied = { type = "timestamp with time zone", about = "first of them" }
-- direct_from = { type = "timestamp with time zone", about = "first direct connection after a refusal" }
-- direct_until = { type = "timestamp with time zone", about = "end of the last one" }
-- direct_flows = { type = "bigint", about = "accepted flow records straight to the targets" }
-- bytes = { type = "bigint", about = "bytes of these, in both directions" }
-- client_ips = { type = "varchar[]", about = "addresses they came from, at most 10" }
-- targets = { type = "varchar[]", about = "ip:port of the targets, at most 10" }
-- caller_principal = { type = "varchar", about = "one principal the caller signed with" }
-- complete_until = { type = "timestamp with time zone", about = "until when flow records are complete; NULL: there are none" }
-- ---
with refused as (
    select
        d.caller,
        d.callee,
        sum(d.count) as denied,
        min(d.time) as first_denied,
        string_agg(distinct d.layer, ', ' order by d.layer) as layers,
        min(d.caller_principal) as caller_principal
    from denials as d
    where d.time >= $since
        and d.time < $until
        and d.layer not in ('packet', 'application')
    group by d.caller, d.callee
),

refused_from as (
    select distinct
        d.caller,
        d.callee,
        d.caller_vpc,
        d.caller_ip
    from denials as d
    where d.time >= $since
        and d.time < $until
        and d.layer not in ('packet', 'application')
),

refused_minutes as (
    select distinct
        d.caller,
        d.callee,
        minute_of(d.time) as minute
    from denials as d
    where d.time >= $since
        and d.time < $until
        and d.layer not in ('packet', 'application')
),

reached as (
    select distinct
        r.callee,
        r.target_vpc,
        r.target_ip,
        r.target_port,
        minute_of(r.time) as minute
    from requests as r
    where r.callee in (select f.callee from refused as f)
        and r.target_ip is not null
        and r.target_ip not in (select n.ip from alb_nodes as n)
        and r.time >= $since - to_minutes($live_minutes)
        and r.time < $until + to_minutes($live_minutes)
),

arrivals as (
    select
        c.vpc,
        c.client_ip,
        c.server_ip,
        c.server_port,
        c.time,
        minute_of(c.time) as minute,
        count(*) as flows,
        sum(c.bytes) as bytes,
        max(c.end_time) as last_at
    from connections as c
    where c.time >= $since
        and c.time < $until
        and c.action = 'ACCEPT'
        and c.protocol = 6
        and coalesce(c.connection_direction, 'ingress') = 'ingress'
        and not is_lattice_address(c.client_ip)
        and (c.server_ip, c.server_port) in (select (t.target_ip, t.target_port) from reached as t)
    group by all
),

-- A client's address that several VPCs have is in the target's, where that has it: there is no route between overlapping
-- ranges. Where nothing shows it, no VPC is told.
clients as (
    select
        a.*,
        case
            when w.vpc is not null then w.vpc
            when n.node is not null
                or (hour_of(a.minute), a.vpc, a.client_ip) in (select (i.hour, i.vpc, i.ip) from interface_addresses as i)
                then a.vpc
        end as client_vpc,
        coalesce(n.name, v.name) as name
    from arrivals as a
    left join address_names as n
        on a.vpc = n.vpc
        and a.client_ip = n.ip
        and hour_of(a.minute) = n.hour
    left join address_vpcs as w
        on a.client_ip = w.ip
        and hour_of(a.minute) = w.hour
    left join address_names as v
        on w.hour = v.hour
        and w.ip = v.ip
        and w.vpc = v.vpc
),

by_caller as (
    select
        r.caller,
        r.callee,
        c.*
    from clients as c
    inner join refused_from as r
        on c.client_ip = r.caller_ip
        and (c.client_vpc = r.caller_vpc or c.client_vpc is null or r.caller_vpc is null)
    union
    select
        f.caller,
        f.callee,
        c.*
    from clients as c
    inner join refused as f
        on c.name = f.caller
),

direct as (
    select b.*
    from by_caller as b
    where exists (
            select 1
            from reached as t
            where t.callee = b.callee
                and t.target_ip = b.server_ip
                and t.target_port = b.server_port
                and (t.target_vpc = b.vpc or t.target_vpc is null or b.vpc is null)
                and t.minute between b.minute - to_minutes($live_minutes) and b.minute + to_minutes($live_minutes)
        )
        and exists (
            select 1
            from refused_minutes as m
            where m.caller = b.caller
                and m.callee = b.callee
                and m.minute between b.minute - to_minutes($within_minutes) and b.minute
        )
)

select
    f.caller,
    f.callee,
    any_value(f.layers) as layer,
    any_value(f.denied)::bigint as denied,
    any_value(f.first_denied) as first_denied,
    min(d.time) as direct_from,
    max(d.last_at) as direct_until,
    sum(d.flows)::bigint as direct_flows,
    sum(d.bytes)::bigint as bytes,
    list(distinct d.client_ip order by d.client_ip)[:10] as client_ips,
    list(distinct address_and_port(d.server_ip, d.server_port) order by address_and_port(d.server_ip, d.server_port))[:10] as targets,
    any_value(f.caller_principal) as caller_principal,
    (select w.complete_until from watermarks as w where w.source = 'vpc_flow') as complete_until
from refused as f
inner join direct as d
    on f.caller = d.caller
    and f.callee = d.callee
    and f.first_denied <= d.time
group by f.caller, f.callee
order by direct_flows desc, f.caller, f.callee
