-- How well a practice is followed. Nothing to count is no success: the logs cannot tell.
create or replace temp macro practice_verdict(followed, counted, followed_from, partly_from) as
case
    when coalesce(counted, 0) = 0 then 'not seen in these logs'
    when followed / counted >= followed_from then 'followed'
    when followed / counted >= partly_from then 'partly'
    else 'not followed'
end;

-- How a request names its callee: by a name of the owner's, by one that AWS made, or by an address.
create or replace temp macro addressing_style(host) as
case
    when contains(host, ':') or (contains(host, '.') and try_cast(split_part(host, '.', -1) as integer) is not null)
        then 'ip_address'
    when ends_with(host, '.on.aws') then 'lattice_name'
    when ends_with(host, '.amazonaws.com') and contains(host, '.elb.') then 'load_balancer_name'
    when ends_with(host, '.amazonaws.com') then 'aws_name'
    else 'own_name'
end;

-- 1,234,567 and 99.4%, for sentences; what is not all is never 100.0%.
create or replace temp macro counted_text(n) as
format('{:,}', n::bigint);

create or replace temp macro percent_text(share) as
case
    when share >= 0.9995 and share < 1 then '99.9%'
    else format('{:.1f}%', 100.0 * share)
end;

-- Whether a key of the rollups is a certificate's subject: neither a principal nor an address.
create or replace temp macro is_certificate(caller_key) as
coalesce(
    not (
        caller_key in ('lattice', 'internet')
        or starts_with(caller_key, 'arn:')
        or starts_with(caller_key, 'vpc-')
        or starts_with(caller_key, '/')
    ),
    false
);

-- Whether a request came with an identity: a signature, a certificate, or a token that the load balancer verified.
create or replace temp macro shows_identity(front_door, signed, auth_decision, caller_key) as
signed
or (front_door = 'alb' and auth_decision = 'allowed')
or is_certificate(caller_key);
