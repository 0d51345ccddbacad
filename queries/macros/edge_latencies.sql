-- Latency of whole requests in the hours that begin in [begin_at, end_at), by edge and bucket. Added up as the log names
-- callers and services, and named afterwards, but for hours in which an address was somebody else's. The leg from Lattice to a load
-- balancer that is its target is no edge of its own.
create or replace temp macro edge_latencies(begin_at, end_at) as table
with logged as (
    select
        c.service,
        c.target_group,
        c.caller_key,
        h.caller,
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
    left join moving_callers as h
        on c.service is not distinct from h.service
        and c.caller_key = h.caller_key
        and c.hour = h.hour
    anti join seen_through as t
        on case when c.caller_key = 'lattice' then c.service end = t.elb
    where c.hour >= begin_at
        and c.hour < end_at
    group by c.service, c.target_group, c.caller_key, h.caller, c.octave
),

named as (
    select
        coalesce(c.caller, n.caller, c.caller_key, 'unknown') as caller,
        coalesce(s.callee, c.service, 'unknown') as callee,
        c.octave,
        sum(c.n0) as n0,
        sum(c.n1) as n1,
        sum(c.n2) as n2,
        sum(c.n3) as n3,
        sum(c.n4) as n4,
        sum(c.n5) as n5,
        sum(c.n6) as n6,
        sum(c.n7) as n7
    from logged as c
    left join callee_names as s
        on c.service is not distinct from s.logged
        and c.target_group is not distinct from s.target_group
    left join caller_names as n
        on c.service is not distinct from n.service
        and c.caller_key = n.caller_key
    group by coalesce(c.caller, n.caller, c.caller_key, 'unknown'), coalesce(s.callee, c.service, 'unknown'), c.octave
),

buckets as (
    select
        caller,
        callee,
        8 * octave + unnest(range(8))::integer as bucket,
        unnest([n0, n1, n2, n3, n4, n5, n6, n7])::bigint as requests
    from named
)

from buckets
where requests <> 0;
