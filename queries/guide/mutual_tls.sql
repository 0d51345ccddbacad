-- ---
-- title = "Mutual TLS only where the contract needs it"
-- question = "Where are client certificates used, and which of them fail or expire soon?"
-- place = 5
-- practice = """
-- Use mutual TLS where a contract or a compliance rule asks for it, not as the general pattern: somebody has to issue, renew and
-- revoke every client certificate."""
-- reference = "https://aws.github.io/aws-networking-best-practices/application-networking/service-to-service/#authentication-and-authorization-best-practices"
-- about = """
-- One row per certificate (subject) and the load balancer or service it is shown to. It follows when its last handshake was
-- accepted and it is valid for expiring_days more after the window's end. The list is also the answer to where mutual TLS is in use."""
-- blind = """
-- Which contract asks for it is written in no log: compare the list with your contracts. Load balancers tell certificates in
-- their connection logs alone (to be switched on apart). Lattice names a subject but no expiry."""
-- action = """
-- expired, refused: the partner must renew, or the trust store must learn the new issuer; the codes say which. expiring: renew
-- before days_left is over. A certificate between your own services: sign requests instead."""
-- says = "{followed:,.0f} of {counted:,.0f} client certificates work and last {expiring_days} days more"
-- unit = "certificates"
-- sources = ["alb_connection"]
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- expiring_days = { type = "bigint", default = 30, about = "days before its expiry from which a certificate is expiring" }
-- followed_from = { type = "double", default = 1.0, about = "share of certificates from which the practice is followed" }
-- partly_from = { type = "double", default = 0.9, about = "share of certificates from which it is partly followed" }
-- [columns]
-- subject = { type = "varchar", about = "certificate -> service or load balancer" }
-- reason = { type = "varchar", about = "expired, refused or expiring; NULL when it works" }
-- followed = { type = "double", about = "1 when it works and lasts, else 0" }
-- counted = { type = "double", about = "1" }
-- share = { type = "double", about = "followed / counted" }
-- verdict = { type = "varchar", about = "followed or not followed" }
-- finding = { type = "varchar", about = "what does not follow, in words" }
-- certificate = { type = "varchar", about = "its subject", wide = true }
-- handshakes = { type = "bigint", about = "handshakes in the window (Lattice: requests)" }
-- failures = { type = "bigint", about = "of these, refused" }
-- codes = { type = "varchar[]", about = "failure codes" }
-- not_after = { type = "timestamp with time zone", about = "valid until; NULL for Lattice" }
-- days_left = { type = "double", about = "days from the window's end to the expiry; below 0: expired" }
-- last_success = { type = "timestamp with time zone", about = "last accepted handshake" }
-- ---
with shown as (
    select
        t.leaf_client_cert_subject as certificate,
        t.elb as shown_to,
        max(t.leaf_client_cert_not_after) as not_after,
        count(*) as handshakes,
        count(*) filter (starts_with(t.tls_verify_status, 'Failed')) as failures,
        list(distinct t.tls_verify_status order by t.tls_verify_status) filter (starts_with(t.tls_verify_status, 'Failed')) as codes,
        max(t.timestamp) filter (not starts_with(t.tls_verify_status, 'Failed')) as last_success,
        max(t.timestamp) filter (starts_with(t.tls_verify_status, 'Failed')) as last_failure
    from alb_connection as t
    where t.timestamp >= $since
        and t.timestamp < $until
        and t.leaf_client_cert_subject is not null
    group by t.leaf_client_cert_subject, t.elb
    union all
    select
        c.caller_key,
        c.service,
        null,
        sum(c.requests),
        0,
        null,
        max(c.hour),
        null
    from window_calls($since, $until) as c
    where c.front_door = 'lattice'
        and is_certificate(c.caller_key)
    group by c.caller_key, c.service
),

stated as (
    select
        s.*,
        coalesce(n.name, s.shown_to) as callee,
        case
            when s.not_after < $until then 'expired'
            when s.last_success is null or s.last_failure > s.last_success then 'refused'
            when s.not_after < $until + to_days($expiring_days::integer) then 'expiring'
        end as reason,
        (epoch(s.not_after) - epoch($until)) / 86400 as days_left
    from shown as s
    left join service_names as n
        on s.shown_to = n.service
)

select
    short_name(s.certificate) || ' -> ' || s.callee as subject,
    s.reason,
    case when s.reason is null then 1.0 else 0.0 end::double as followed,
    1::double as counted,
    case when s.reason is null then 1.0 else 0.0 end::double as share,
    practice_verdict(case when s.reason is null then 1 else 0 end, 1, $followed_from, $partly_from) as verdict,
    case s.reason
        when 'expired' then 'expired ' || strftime(s.not_after, '%Y-%m-%d %H:%M') || 'Z, ' || counted_text(s.failures) || ' of '
            || counted_text(s.handshakes) || ' handshakes refused'
        when 'refused' then counted_text(s.failures) || ' of ' || counted_text(s.handshakes) || ' handshakes refused, the last one among them: '
            || array_to_string(s.codes, ', ')
        when 'expiring' then 'expires in ' || floor(s.days_left)::bigint || ' days, on ' || strftime(s.not_after, '%Y-%m-%d')
    end as finding,
    s.certificate,
    s.handshakes::bigint as handshakes,
    s.failures::bigint as failures,
    coalesce(s.codes, []) as codes,
    s.not_after,
    s.days_left,
    s.last_success
from stated as s
order by array_position(['expired', 'refused', 'expiring', null], s.reason) nulls last, s.failures desc, s.not_after, subject
