-- ---
-- title = "Refusals by layer"
-- question = "Which layer says no, how often and to how many, and which layers do these logs show at all?"
-- about = """
-- Every layer has a row; unknown_policy is one of Lattice's three, where its log does not name it. complete_until NULL: no log in this lake can show that layer, so 0 is not good news."""
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- [columns]
-- layer = { type = "varchar", about = "from the packet to the application" }
-- refused = { type = "bigint", about = "refused attempts in the window" }
-- share = { type = "double", about = "of all refused attempts, 0 to 1; NULL when there are none" }
-- callers = { type = "bigint", about = "callers refused" }
-- callees = { type = "bigint", about = "what they wanted to reach" }
-- pairs = { type = "bigint", about = "pairs of both" }
-- most_refused = { type = "varchar", about = "the pair refused most" }
-- first_seen = { type = "timestamp with time zone", about = "first refusal in the window" }
-- last_seen = { type = "timestamp with time zone", about = "last refusal in the window" }
-- source = { type = "varchar", about = "log that shows the layer" }
-- complete_until = { type = "timestamp with time zone", about = "until when that log is complete; NULL: it is not in this lake" }
-- ---
with layers (position, layer, source) as (
    values
        (1, 'packet', 'vpc_flow'),
        (2, 'tls', 'alb_connection'),
        (3, 'network_policy', 'lattice_access'),
        (4, 'service_policy', 'lattice_access'),
        (5, 'identity_policy', 'lattice_access'),
        (6, 'unknown_policy', 'lattice_access'),
        (7, 'waf', 'alb_access'),
        (8, 'alb_auth', 'alb_access'),
        (9, 'alb_rule', 'alb_access'),
        (10, 'application', 'lattice_access, alb_access')
),

pairs as (
    select
        d.layer,
        d.caller,
        d.callee,
        sum(d.count) as refused,
        min(d.time) as first_seen,
        max(d.time) as last_seen
    from denials as d
    where d.time >= $since
        and d.time < $until
    group by d.layer, d.caller, d.callee
),

sums as (
    select
        layer,
        sum(refused) as refused,
        count(distinct caller) as callers,
        count(distinct callee) as callees,
        count(*) as pairs,
        arg_min(caller || ' -> ' || callee, (-refused, caller, callee)) as most_refused,
        min(first_seen) as first_seen,
        max(last_seen) as last_seen
    from pairs
    group by layer
)

select
    l.layer,
    coalesce(s.refused, 0)::bigint as refused,
    coalesce(s.refused, 0) / nullif((select sum(a.refused) from sums as a), 0) as share,
    coalesce(s.callers, 0) as callers,
    coalesce(s.callees, 0) as callees,
    coalesce(s.pairs, 0) as pairs,
    s.most_refused,
    s.first_seen,
    s.last_seen,
    l.source,
    (select min(w.complete_until) from watermarks as w where contains(l.source, w.source)) as complete_until
from layers as l
left join sums as s
    on l.layer = s.layer
order by l.position
