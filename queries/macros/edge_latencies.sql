-- Latency of whole requests in the hours that begin in [begin_at, end_at), by edge and bucket.
create or replace temp macro edge_latencies(begin_at, end_at) as table
select
    o.caller,
    o.callee,
    o.service,
    8 * o.octave + unnest(range(8))::integer as bucket,
    unnest([o.n0, o.n1, o.n2, o.n3, o.n4, o.n5, o.n6, o.n7])::bigint as requests
from (
    select
        h.caller,
        h.callee,
        h.service,
        h.octave,
        sum(h.n0) as n0,
        sum(h.n1) as n1,
        sum(h.n2) as n2,
        sum(h.n3) as n3,
        sum(h.n4) as n4,
        sum(h.n5) as n5,
        sum(h.n6) as n6,
        sum(h.n7) as n7
    from hourly_latencies as h
    where h.hour >= begin_at
        and h.hour < end_at
    group by h.caller, h.callee, h.service, h.octave
) as o;
