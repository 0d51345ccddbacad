-- Latency of whole requests in the hours that begin in [begin_at, end_at), by edge and bucket. Several rows an edge and
-- bucket: the macros p50, p90 and p99 add them up.
create or replace temp macro edge_latencies(begin_at, end_at) as table
with named as (
    select
        coalesce(n.caller, h.caller, 'unknown') as caller,
        coalesce(s.callee, c.service, 'unknown') as callee,
        coalesce(s.service, c.service) as service,
        c.octave,
        sum(c.n0) as n0,
        sum(c.n1) as n1,
        sum(c.n2) as n2,
        sum(c.n3) as n3,
        sum(c.n4) as n4,
        sum(c.n5) as n5,
        sum(c.n6) as n6,
        sum(c.n7) as n7
    from octave_counts as c
    left join callee_names as s
        on c.service is not distinct from s.logged
        and c.target_group is not distinct from s.target_group
    left join caller_names as n
        on c.service is not distinct from n.service
        and c.caller_key = n.caller_key
    left join moving_callers as h
        on c.service is not distinct from h.service
        and c.caller_key = h.caller_key
        and c.hour = h.hour
    where not (
            c.front_door = 'alb'
            and c.caller_key = 'lattice'
            and c.service in (select t.elb from seen_through as t)
        )
        and c.hour >= begin_at
        and c.hour < end_at
    group by coalesce(n.caller, h.caller, 'unknown'), coalesce(s.callee, c.service, 'unknown'), coalesce(s.service, c.service), c.octave
),

spread as (
    select
        n.caller,
        n.callee,
        n.service,
        8 * n.octave + unnest(range(8))::integer as bucket,
        unnest([n.n0, n.n1, n.n2, n.n3, n.n4, n.n5, n.n6, n.n7])::bigint as requests
    from named as n
)

select *
from spread
where requests <> 0;
