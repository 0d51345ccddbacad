-- ---
-- title = "Client certificates"
-- question = "Which client certificates are in use, by whom, when do they expire, and which are refused and why?"
-- about = """
-- Load balancers: one row per subject, serial number and load balancer, from the connection logs; requests joined by
-- conn_trace_id. Their logs name no issuer. Lattice logs the subject's common name and the issuer's organizational unit, no
-- serial number and no expiry; what two subscriptions deliver counts once. state compares the expiry with the end of the window, not with the clock."""
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- expiring_days = { type = "bigint", default = 30, about = "days before its expiry from which a certificate is expiring" }
-- [columns]
-- subject = { type = "varchar", about = "the certificate's subject" }
-- callee = { type = "varchar", about = "load balancer or service it was shown to" }
-- state = { type = "varchar", about = "refused (failures only), expired, expiring, or ok" }
-- issuer = { type = "varchar", about = "issuer's organizational unit; Lattice only" }
-- serial_number = { type = "varchar", about = "serial number; load balancers only" }
-- not_before = { type = "timestamp with time zone", about = "valid from" }
-- not_after = { type = "timestamp with time zone", about = "valid until" }
-- days_left = { type = "double", about = "not_after - end of the window, days; below 0: expired" }
-- connections = { type = "bigint", about = "handshakes in the window; NULL for Lattice" }
-- failures = { type = "bigint", about = "of these, refused (Lattice: requests)" }
-- codes = { type = "varchar[]", about = "failure codes with their counts" }
-- requests = { type = "bigint", about = "requests over these connections" }
-- first_seen = { type = "timestamp with time zone", about = "first use in the window" }
-- last_success = { type = "timestamp with time zone", about = "last accepted handshake (Lattice: request)" }
-- last_failure = { type = "timestamp with time zone", about = "last refused handshake (Lattice: request)" }
-- client_ips = { type = "bigint", about = "addresses it came from" }
-- complete_until = { type = "timestamp with time zone", about = "until when the log it comes from is complete" }
-- ---
with handshakes as (
    select
        t.leaf_client_cert_subject as subject,
        t.elb,
        t.leaf_client_cert_serial_number as serial_number,
        t.leaf_client_cert_not_before as not_before,
        t.leaf_client_cert_not_after as not_after,
        t.timestamp as time,
        t.conn_trace_id,
        t.client_ip,
        case when starts_with(t.tls_verify_status, 'Failed') then t.tls_verify_status end as failure
    from alb_connection as t
    where t.timestamp >= $since
        and t.timestamp < $until
        and t.leaf_client_cert_subject is not null
),

asked as (
    select
        r.conn_trace_id,
        count(*) as requests
    from alb_access as r
    where r.time >= $since
        and r.time < $until
        and r.conn_trace_id in (select h.conn_trace_id from handshakes as h)
    group by r.conn_trace_id
),

codes as (
    select
        subject,
        elb,
        serial_number,
        list(failure || ': ' || n order by n desc, failure) as codes
    from (
        select
            subject,
            elb,
            serial_number,
            failure,
            count(*) as n
        from handshakes
        where failure is not null
        group by all
    )
    group by subject, elb, serial_number
),

shown as (
    select
        h.subject,
        coalesce(any_value(n.name), h.elb) as callee,
        null::varchar as issuer,
        h.elb,
        h.serial_number,
        max(h.not_before) as not_before,
        max(h.not_after) as not_after,
        count(*) as connections,
        count(h.failure) as failures,
        coalesce(sum(a.requests), 0) as requests,
        min(h.time) as first_seen,
        max(h.time) filter (h.failure is null) as last_success,
        max(h.time) filter (h.failure is not null) as last_failure,
        count(distinct h.client_ip) as client_ips,
        'alb_connection' as source
    from handshakes as h
    left join asked as a
        on h.conn_trace_id = a.conn_trace_id
    left join service_names as n
        on h.elb = n.service
    group by h.subject, h.elb, h.serial_number
    union all
    select
        coalesce(l.caller_x509_subject_cn, l.caller_x509_san_uri, l.caller_x509_san_dns, l.caller_x509_san_name_cn),
        coalesce(any_value(n.name), l.service_arn),
        max(l.caller_x509_issuer_ou),
        l.service_arn,
        null,
        null,
        null,
        null,
        count(*) filter (l.refused),
        count(*),
        min(l.start_time),
        max(l.start_time) filter (not l.refused),
        max(l.start_time) filter (l.refused),
        count(distinct l.source_ip),
        'lattice_access'
    from (
        select
            *,
            auth_denied_reason is not null or coalesce(failure_reason = 'ClientAccessDenied', false) as refused
        from lattice_access
    ) as l
    left join service_names as n
        on l.service_arn = n.service
    anti join own_subscriptions as o
        on case when subscription_of(l.log_object) = 'network' then split_part(l.service_arn, '/', 2) end = o.service_id
        and hour_of(l.start_time) = o.hour
    where l.start_time >= $since
        and l.start_time < $until
        and coalesce(l.caller_x509_subject_cn, l.caller_x509_san_uri, l.caller_x509_san_dns, l.caller_x509_san_name_cn)
            is not null
    group by
        coalesce(l.caller_x509_subject_cn, l.caller_x509_san_uri, l.caller_x509_san_dns, l.caller_x509_san_name_cn),
        l.service_arn
)

select
    s.subject,
    s.callee,
    case
        when s.not_after < $until then 'expired'
        when s.last_success is null then 'refused'
        when s.not_after < $until + to_days($expiring_days::integer) then 'expiring'
        else 'ok'
    end as state,
    s.issuer,
    s.serial_number,
    s.not_before,
    s.not_after,
    (epoch(s.not_after) - epoch($until)) / 86400 as days_left,
    s.connections,
    s.failures,
    coalesce(c.codes, []) as codes,
    s.requests::bigint as requests,
    s.first_seen,
    s.last_success,
    s.last_failure,
    s.client_ips,
    (select w.complete_until from watermarks as w where w.source = s.source) as complete_until
from shown as s
left join codes as c
    on s.subject = c.subject
    and s.elb = c.elb
    and s.serial_number is not distinct from c.serial_number
order by
    array_position(['expired', 'refused', 'expiring', 'ok'], state),
    s.failures desc,
    s.not_after,
    s.subject,
    s.callee,
    s.serial_number,
    s.elb
