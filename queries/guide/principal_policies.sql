-- ---
-- title = "Tighten policies to principals once callers sign"
-- question = "Which Lattice services let in signed requests alone, so that their policy can name principals, or does?"
-- place = 4
-- practice = """
-- Until callers sign, write auth policies with conditions that a request carries anyway (source VPC, method, path). Tighten
-- them to principals as callers adopt signing."""
-- reference = "https://aws.github.io/aws-networking-best-practices/application-networking/service-to-service/#authentication-and-authorization-best-practices"
-- about = """
-- Lattice services over the last days before the window's end, whatever its start. A service counts when the logs can tell:
-- unsigned requests were let in (unsigned_allowed), unsigned ones were refused and none let in (tightened: the policy asks for
-- more than anonymous), or every request was signed for so many days (ready)."""
-- blind = """
-- No log holds the policy itself. ready means that nobody would be refused by principal conditions; whether the policy has
-- them already shows only when somebody without a signature tries. A service seen for fewer days, or without an auth policy,
-- does not count (too_short, no_policy)."""
-- action = """
-- ready: replace conditions on source VPCs by the principals that the report call_graph names. unsigned_allowed: get the named
-- callers to sign first."""
-- says = "{followed:,.0f} of {counted:,.0f} services let in signed requests alone"
-- unit = "services"
-- sources = ["lattice_access"]
-- history_hours = 168
-- [params]
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- days = { type = "bigint", default = 7, about = "days that every request must have been signed" }
-- followed_from = { type = "double", default = 1.0, about = "share of services from which the practice is followed" }
-- partly_from = { type = "double", default = 0.5, about = "share of services from which it is partly followed" }
-- [columns]
-- subject = { type = "varchar", about = "service" }
-- reason = { type = "varchar", about = "unsigned_allowed; NULL when nothing unsigned was let in" }
-- followed = { type = "double", about = "1 when tightened or ready, else 0" }
-- counted = { type = "double", about = "1 when the logs can tell, else 0" }
-- share = { type = "double", about = "followed / counted; NULL when the logs cannot tell" }
-- verdict = { type = "varchar", about = "followed, not followed, or not seen in these logs" }
-- finding = { type = "varchar", about = "what to do, what is missing, or what was refused, in words" }
-- state = { type = "varchar", about = "unsigned_allowed, ready, tightened, too_short or no_policy" }
-- requests = { type = "bigint", about = "requests of the days that a policy looked at" }
-- unsigned_allowed = { type = "bigint", about = "of these, unsigned and let in" }
-- unsigned_refused = { type = "bigint", about = "of these, unsigned and refused" }
-- first_seen = { type = "timestamp with time zone", about = "hour of the first request of these days" }
-- unsigned_callers = { type = "varchar[]", about = "who is let in unsigned, at most 10", wide = true }
-- ---
with seen as (
    select
        c.callee,
        min(c.hour) as first_seen,
        coalesce(sum(c.requests) filter (c.signed or c.auth_decision <> 'not_evaluated'), 0) as requests,
        coalesce(sum(c.requests) filter (not c.signed and c.auth_decision = 'allowed'), 0) as let_in,
        coalesce(sum(c.requests) filter (not c.signed and c.auth_decision = 'denied'), 0) as refused,
        coalesce(sum(c.requests) filter (not c.signed and c.auth_decision = 'not_evaluated'), 0) as not_looked_at,
        list(distinct c.caller order by c.caller) filter (not c.signed and c.auth_decision = 'allowed') as callers
    from window_calls($until - to_days($days::integer), $until) as c
    where c.front_door = 'lattice'
        and c.kind <> 'tls'
    group by c.callee
),

stated as (
    select
        *,
        case
            when let_in > 0 then 'unsigned_allowed'
            when refused > 0 then 'tightened'
            when not_looked_at > 0 then 'no_policy'
            when first_seen < $until - to_days($days::integer) + interval 1 hour then 'ready'
            else 'too_short'
        end as state
    from seen
)

select
    s.callee as subject,
    case when s.state = 'unsigned_allowed' then s.state end as reason,
    case when s.state in ('tightened', 'ready') then 1 else 0 end::double as followed,
    case when s.state in ('tightened', 'ready', 'unsigned_allowed') then 1 else 0 end::double as counted,
    case s.state
        when 'unsigned_allowed' then 0.0
        when 'tightened' then 1.0
        when 'ready' then 1.0
    end::double as share,
    practice_verdict(
        case when s.state in ('tightened', 'ready') then 1 else 0 end,
        case when s.state in ('tightened', 'ready', 'unsigned_allowed') then 1 else 0 end,
        $followed_from,
        $partly_from
    ) as verdict,
    case s.state
        when 'unsigned_allowed' then counted_text(s.let_in) || ' of ' || counted_text(s.requests) || ' requests let in unsigned, by '
            || array_to_string(s.callers[:3], ', ')
        when 'ready' then 'ready to tighten: ' || counted_text(s.requests) || ' requests in ' || $days || ' days, all signed'
        when 'tightened' then 'tightened: ' || counted_text(s.refused) || ' unsigned requests refused, none let in'
        when 'too_short' then 'all signed, but seen for fewer than ' || $days || ' days'
        when 'no_policy' then 'no auth policy looked at ' || counted_text(s.not_looked_at) || ' requests'
    end as finding,
    s.state,
    s.requests::bigint as requests,
    s.let_in::bigint as unsigned_allowed,
    s.refused::bigint as unsigned_refused,
    s.first_seen,
    coalesce(s.callers, [])[:10] as unsigned_callers
from stated as s
order by array_position(['unsigned_allowed', 'ready', 'tightened', 'no_policy', 'too_short'], s.state), s.let_in desc, s.requests desc, subject
