-- ---
-- title = "The same call delivered twice"
-- question = "What do two subscriptions deliver both, which of them counts, and what is paid for twice?"
-- about = """
-- network_and_service: a Lattice service network and its service are both subscribed; the service's own lines count, the
-- network's are left out. both_ends: a connection is in the flow records of both interfaces; the client's count.
-- two_flow_logs: two flow logs (of a VPC, a subnet, an interface) hold the same interface, for longer than five minutes (or
-- one took over from the other); these records count twice."""
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- [columns]
-- kind = { type = "varchar", about = "network_and_service, both_ends or two_flow_logs" }
-- resource = { type = "varchar", about = "service, VPC or interface that is delivered twice" }
-- rows = { type = "bigint", about = "lines or records that are there again" }
-- share = { type = "double", about = "of all lines or records of that resource in the window, 0 to 1" }
-- counted_twice = { type = "boolean", about = "whether views count them again" }
-- sources = { type = "varchar[]", about = "who delivered, at most 10; NULL: no object has a name of AWS's" }
-- first_seen = { type = "timestamp with time zone", about = "first of them" }
-- last_seen = { type = "timestamp with time zone", about = "last of them" }
-- ---
-- Counted by object first: an object's name is taken to pieces once, not once a line.
with lattice_lines as (
    select
        l.service_arn,
        l.log_object,
        subscription_of(l.log_object) = 'network' and o.hour is not null as is_again,
        count(*) as n,
        min(l.start_time) as first_seen,
        max(l.start_time) as last_seen
    from lattice_access as l
    left join own_subscriptions as o
        on split_part(l.service_arn, '/', 2) = o.service_id
        and hour_of(l.start_time) = o.hour
    where l.start_time >= $since
        and l.start_time < $until
    group by all
),

client_ends as (
    select
        hour,
        src_ip,
        dst_ip,
        server_port,
        protocol
    from flow_hours
    where direction = 'egress'
        and action = 'ACCEPT'
        and hour >= hour_of($since)
        and hour < $until
    group by hour, src_ip, dst_ip, server_port, protocol
    having sum(flows) > 0
),

records as (
    select
        c.vpc,
        c.log_object,
        e.hour is not null as is_again,
        count(*) as n,
        min(c.time) as first_seen,
        max(c.time) as last_seen
    from connections as c
    left join client_ends as e
        on case when c.action = 'ACCEPT' and c.connection_direction = 'ingress' then c.client_ip end = e.src_ip
        and c.server_ip = e.dst_ip
        and c.server_port = e.server_port
        and c.protocol = e.protocol
        and hour_of(c.time) = e.hour
    where c.time >= $since
        and c.time < $until
    group by all
),

slots as (
    select
        c.interface_id,
        time_bucket(interval 5 minutes, c.time) as slot,
        c.log_object,
        count(*) as n,
        min(c.time) as first_seen,
        max(c.time) as last_seen
    from connections as c
    where c.time >= $since
        and c.time < $until
    group by all
),

interfaces as (
    select
        interface_id,
        slot,
        delivery_source(log_object) as source,
        sum(n) as n,
        min(first_seen) as first_seen,
        max(last_seen) as last_seen
    from slots
    group by all
),

-- What nobody is known to have delivered counts nowhere. (As a condition of rows DuckDB would ask it of every record.)
doubled as (
    select
        interface_id,
        slot,
        count(source) > 1 as twice,
        sum(n) filter (source is not null) - max(n) filter (source is not null) as again,
        sum(n) filter (source is not null) as n,
        list(source) filter (source is not null) as sources,
        min(first_seen) filter (source is not null) as first_seen,
        max(last_seen) filter (source is not null) as last_seen
    from interfaces
    group by interface_id, slot
),

lasting as (
    select
        *,
        twice and coalesce(
            lag(twice) over (partition by interface_id order by slot)
            and lag(slot) over (partition by interface_id order by slot) = slot - interval 5 minutes,
            false
        ) as lasts
    from doubled
)

select
    'network_and_service' as kind,
    l.service_arn as resource,
    (sum(l.n) filter (l.is_again))::bigint as rows,
    sum(l.n) filter (l.is_again) / sum(l.n) as share,
    false as counted_twice,
    list(distinct l.source order by l.source) filter (l.source is not null)[:10] as sources,
    min(l.first_seen) filter (l.is_again) as first_seen,
    max(l.last_seen) filter (l.is_again) as last_seen
from (
    select
        *,
        delivery_source(log_object) as source
    from lattice_lines
) as l
group by l.service_arn
having sum(l.n) filter (l.is_again) > 0
union all
select
    'both_ends',
    r.vpc,
    (sum(r.n) filter (r.is_again))::bigint,
    sum(r.n) filter (r.is_again) / sum(r.n),
    false,
    list(distinct r.source order by r.source) filter (r.source is not null)[:10],
    min(r.first_seen) filter (r.is_again),
    max(r.last_seen) filter (r.is_again)
from (
    select
        *,
        delivery_source(log_object) as source
    from records
) as r
group by r.vpc
having sum(r.n) filter (r.is_again) > 0
union all
select
    'two_flow_logs',
    d.interface_id,
    sum(d.again) filter (d.twice)::bigint,
    sum(d.again) filter (d.twice) / sum(d.n),
    true,
    list_sort(list_distinct(flatten(list(d.sources))))[:10],
    min(d.first_seen) filter (d.twice),
    max(d.last_seen) filter (d.twice)
from lasting as d
group by d.interface_id
having bool_or(d.lasts)
order by kind, rows desc, resource
