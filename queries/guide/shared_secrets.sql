-- ---
-- title = "No shared secrets"
-- question = "Who calls a service that checks identities without ever showing one, and whose tokens are refused?"
-- place = 6
-- practice = """
-- No API keys, bearer tokens or passwords between services: they are hard to rotate and to tell apart. Requests signed with IAM
-- credentials solve the same problem."""
-- reference = "https://aws.github.io/aws-networking-best-practices/application-networking/service-to-service/#authentication-and-authorization-best-practices"
-- about = """
-- Pairs of caller and service, at services where some caller shows an identity (a signature, a certificate, a token that the
-- load balancer verified). A pair follows when the caller shows one too and no token of its was refused (failures of
-- authenticate and JWT actions)."""
-- blind = """
-- A secret in a header is in no log: a caller that never signs may carry one, or nothing at all. A token that a load balancer
-- verified may itself be shared, and its access lines do not say which certificate a request came with. Services at which nobody shows an identity do not count here; see identity_layers."""
-- action = """
-- never_identified: give the caller a role and let the SDK sign; then take its secret away. token_refused: look at the token's
-- issuer and expiry, and at the listener rule's authenticate or JWT action."""
-- says = "{followed:,.0f} of {counted:,.0f} callers of services that check identities show one"
-- unit = "caller and service pairs"
-- sources = ["lattice_access", "alb_access"]
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- followed_from = { type = "double", default = 1.0, about = "share of pairs from which the practice is followed" }
-- partly_from = { type = "double", default = 0.8, about = "share of pairs from which it is partly followed" }
-- [columns]
-- subject = { type = "varchar", about = "caller -> callee" }
-- reason = { type = "varchar", about = "never_identified or token_refused; NULL when the pair follows" }
-- followed = { type = "double", about = "1 when the caller shows an identity that is accepted, else 0" }
-- counted = { type = "double", about = "1" }
-- share = { type = "double", about = "followed / counted" }
-- verdict = { type = "varchar", about = "followed or not followed" }
-- finding = { type = "varchar", about = "what does not follow, in words" }
-- requests = { type = "bigint", about = "requests of the pair" }
-- identified = { type = "bigint", about = "of these, with an identity that was accepted" }
-- token_failures = { type = "bigint", about = "of these, refused by an authenticate or JWT action" }
-- refused = { type = "bigint", about = "of these, refused by any layer" }
-- ---
with pairs as (
    select
        c.caller,
        c.callee,
        sum(c.requests) as requests,
        coalesce(
            sum(c.requests) filter (shows_identity(c.front_door, c.signed, c.auth_decision, c.caller_key)), 0
        ) as identified,
        coalesce(sum(c.requests) filter (c.denied_by = 'alb_auth'), 0) as token_failures,
        coalesce(sum(c.requests) filter (c.outcome = 'denied'), 0) as refused
    from window_calls($since, $until) as c
    where c.kind <> 'tls'
        and c.called is not null
    group by c.caller, c.callee
),

judged as (
    select
        p.*,
        case
            when p.token_failures > 0 then 'token_refused'
            when p.identified = 0 then 'never_identified'
        end as reason
    from pairs as p
    where p.requests > 0
    qualify sum(p.identified + p.token_failures) over (partition by p.callee) > 0
)

select
    j.caller || ' -> ' || j.callee as subject,
    j.reason,
    case when j.reason is null then 1.0 else 0.0 end::double as followed,
    1::double as counted,
    case when j.reason is null then 1.0 else 0.0 end::double as share,
    practice_verdict(case when j.reason is null then 1 else 0 end, 1, $followed_from, $partly_from) as verdict,
    case j.reason
        when 'token_refused' then 'token refused in ' || counted_text(j.token_failures) || ' of ' || counted_text(j.requests) || ' requests'
        when 'never_identified' then 'no identity in ' || counted_text(j.requests) || ' requests, where others show one'
            || case when j.refused > 0 then ', ' || counted_text(j.refused) || ' refused' else '' end
    end as finding,
    j.requests::bigint as requests,
    j.identified::bigint as identified,
    j.token_failures::bigint as token_failures,
    j.refused::bigint as refused
from judged as j
order by j.reason is null, j.requests desc, subject
