-- ---
-- title = "Sign requests, one role per caller"
-- question = "Which requests to Lattice services are unsigned, signed by an IAM user, or by a role that several callers share?"
-- place = 2
-- practice = """
-- Sign service-to-service requests with SigV4 wherever the caller can, with an IAM role of its own. No IAM users and no shared
-- credentials: the logs say who called only when each caller has its own role."""
-- reference = "https://aws.github.io/aws-networking-best-practices/application-networking/service-to-service/#authentication-and-authorization-best-practices"
-- about = """
-- Requests through Lattice where an auth policy looked at the caller, per caller and callee. A request follows when it is signed
-- by a role that calls from one place: not from the addresses of two services, nor from two VPCs (min_sightings requests from
-- each make it two). trend: share signed by a role in the second half of the window minus that in the first."""
-- blind = """
-- Load balancers log no signature, and TLS passthrough cannot carry one: neither counts. Where no auth policy is on (resolved
-- user unknown), Lattice does not say whether a request was signed. One role in two services on the same hosts looks like one
-- caller; addresses that several services share say nothing. The account of the VPC that a role calls from is not looked at."""
-- action = """
-- Unsigned: give the caller a role and let the SDK sign. IAM user: replace it by a role (find the access key in CloudTrail).
-- Shared role: one role for each service, so that policies and logs can tell them apart."""
-- says = "{share:.1%} of {counted:,.0f} requests are signed by a role of the caller's own"
-- unit = "requests"
-- sources = ["lattice_access"]
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- min_sightings = { type = "bigint", default = 20, about = "requests from a second service's addresses, or a second VPC, from which a role is shared" }
-- followed_from = { type = "double", default = 0.99, about = "share from which the practice is followed" }
-- partly_from = { type = "double", default = 0.8, about = "share from which it is partly followed" }
-- [columns]
-- subject = { type = "varchar", about = "caller -> callee" }
-- reason = { type = "varchar", about = "iam_user, unsigned_beside_signed, unsigned, or shared_role; NULL when all follow" }
-- followed = { type = "double", about = "requests signed by a role of the caller's own" }
-- counted = { type = "double", about = "requests that an auth policy looked at" }
-- share = { type = "double", about = "followed / counted, 0 to 1" }
-- verdict = { type = "varchar", about = "followed, partly or not followed" }
-- finding = { type = "varchar", about = "what does not follow, in words; NULL when all do" }
-- trend = { type = "double", about = "change of the share from the first half of the window to the second; NULL when one has no request" }
-- denied = { type = "bigint", about = "requests that were refused" }
-- used_from = { type = "varchar[]", about = "services and VPCs that the role is used from, when several", wide = true }
-- caller_principal = { type = "varchar", about = "role or user ARN", wide = true }
-- ---
with looked_at as (
    select
        c.caller,
        c.callee,
        c.caller_principal,
        c.hour >= $since + ($until - $since) / 2 as is_late,
        sum(c.requests) as requests,
        coalesce(sum(c.requests) filter (c.signed), 0) as signed,
        coalesce(sum(c.requests) filter (c.outcome = 'denied'), 0) as denied
    from window_calls($since, $until) as c
    where c.front_door = 'lattice'
        and c.kind <> 'tls'
        and (c.signed or c.auth_decision <> 'not_evaluated')
    group by all
),

-- In an hour and VPC, addresses that are targets of one service alone.
owners as (
    select
        t.hour,
        t.vpc,
        t.ip,
        any_value(t.node) as node
    from targets as t
    where t.vpc is not null
    group by t.hour, t.vpc, t.ip
    having count(distinct t.node) = 1
),

places as (
    select
        s.principal,
        n.name as place,
        sum(s.sightings) as sightings
    from sources as s
    inner join owners as o
        on s.hour = o.hour
        and s.vpc = o.vpc
        and s.ip = o.ip
    inner join nodes as n
        on o.node = n.node
    where s.hour >= hour_of($since)
        and s.hour < $until
    group by s.principal, n.name
    having sum(s.sightings) >= $min_sightings
    union all
    select
        s.principal,
        s.vpc,
        sum(s.sightings)
    from sources as s
    where s.hour >= hour_of($since)
        and s.hour < $until
        and s.vpc is not null
    group by s.principal, s.vpc
    having sum(s.sightings) >= $min_sightings
),

shared as (
    select
        p.principal,
        list(p.place order by p.place) as used_from
    from places as p
    group by p.principal
    having count(*) filter (not starts_with(p.place, 'vpc-')) > 1
        or count(*) filter (starts_with(p.place, 'vpc-')) > 1
),

signers as (
    select
        l.callee,
        sum(l.signed) > 0 as any_signed
    from looked_at as l
    group by l.callee
),

judged as (
    select
        l.caller,
        l.callee,
        l.caller_principal,
        sum(l.requests) as requests,
        coalesce(sum(l.signed) filter (not contains(l.caller_principal, ':user/')), 0) as by_role,
        coalesce(sum(l.signed) filter (l.is_late and not contains(l.caller_principal, ':user/')), 0)
            / nullif(sum(l.requests) filter (l.is_late), 0) as late_share,
        coalesce(sum(l.signed) filter (not l.is_late and not contains(l.caller_principal, ':user/')), 0)
            / nullif(sum(l.requests) filter (not l.is_late), 0) as early_share,
        sum(l.denied) as denied,
        any_value(g.any_signed) as any_signed,
        any_value(s.used_from) as used_from
    from looked_at as l
    inner join signers as g
        on l.callee = g.callee
    left join shared as s
        on l.caller_principal = s.principal
    group by l.caller, l.callee, l.caller_principal
),

reasoned as (
    select
        *,
        case when used_from is null then by_role else 0 end as good,
        case
            when contains(caller_principal, ':user/') then 'iam_user'
            when caller_principal is null and any_signed then 'unsigned_beside_signed'
            when caller_principal is null then 'unsigned'
            when used_from is not null then 'shared_role'
        end as reason
    from judged
)

select
    r.caller || ' -> ' || r.callee as subject,
    r.reason,
    r.good::double as followed,
    r.requests::double as counted,
    r.good / r.requests as share,
    practice_verdict(r.good, r.requests, $followed_from, $partly_from) as verdict,
    case r.reason
        when 'iam_user' then counted_text(r.requests) || ' requests signed by the IAM user ' || short_name(r.caller_principal)
        when 'unsigned_beside_signed' then counted_text(r.requests) || ' unsigned requests where others sign'
        when 'unsigned' then counted_text(r.requests) || ' unsigned requests, where nobody signs'
        when 'shared_role' then counted_text(r.requests) || ' requests by the role ' || short_name(r.caller_principal)
            || ', used from ' || array_to_string(r.used_from, ', ')
    end || case when r.reason is not null and r.denied > 0 then ', ' || counted_text(r.denied) || ' refused' else '' end as finding,
    r.late_share - r.early_share as trend,
    r.denied::bigint as denied,
    r.used_from,
    r.caller_principal
from reasoned as r
where r.requests > 0
order by r.requests - r.good desc, r.requests desc, subject
