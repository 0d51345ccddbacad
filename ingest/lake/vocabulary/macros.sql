-- Words used by every normalising select. String functions only, no regular expressions: each runs once a row.

-- arn:aws:sts::1:assumed-role/R/session -> arn:aws:iam::1:role/R. Users, roles and Roles Anywhere keep their ARN;
-- what is no ARN (Anonymous, Unknown) is nobody.
create or replace temp macro role_of(principal) as
case
    when contains(principal, ':assumed-role/')
        then 'arn:' || split_part(principal, ':', 2) || ':iam::' || split_part(principal, ':', 5)
            || ':role/' || split_part(principal, '/', 2)
    when starts_with(principal, 'arn:') then principal
end;

create or replace temp macro session_of(principal) as
case when contains(principal, ':assumed-role/') then split_part(principal, '/', 3) end;

create or replace temp macro account_of(arn) as
nullif(split_part(arn, ':', 5), '');

create or replace temp macro ip_version(ip) as
case
    when ip is null then null
    when contains(ip, ':') then 6
    else 4
end;

-- RFC 1918, shared address space (EKS pods), link-local, loopback, IPv6 unique local.
create or replace temp macro is_private(ip) as
starts_with(ip, '10.')
or starts_with(ip, '192.168.')
or (starts_with(ip, '172.') and split_part(ip, '.', 2) between '16' and '31' and length(split_part(ip, '.', 2)) = 2)
or (starts_with(ip, '100.') and try_cast(split_part(ip, '.', 2) as integer) between 64 and 127)
or starts_with(ip, '169.254.')
or starts_with(ip, '127.')
or starts_with(ip, 'fd')
or starts_with(ip, 'fc')
or starts_with(ip, 'fe80:')
or ip = '::1';

-- Where VPC Lattice answers clients and reaches targets from: 169.254.171.0/24, 129.224.0.0/17, fd00:ec2:80::/64.
create or replace temp macro is_lattice_address(ip) as
starts_with(ip, '169.254.171.')
or starts_with(ip, 'fd00:ec2:80:')
or (starts_with(ip, '129.224.') and try_cast(split_part(ip, '.', 3) as integer) < 128);

-- Host of an authority such as EXAMPLE.com:443 or [fd00::1]:80: lower case, no port, no brackets.
create or replace temp macro host_of_authority(authority) as
lower(nullif(
    case
        when starts_with(authority, '[') then substr(split_part(authority, ']', 1), 2)
        else split_part(authority, ':', 1)
    end, ''));

create or replace temp macro host_of(url) as
host_of_authority(split_part(split_part(url, '://', 2), '/', 1));

-- Tells the hosts of URLs apart, and ports and letters' case too, in half the time that it takes to name them: it is the
-- same for two URLs only where host_of is. After two slashes stands the authority, unless it begins with a bracket.
create or replace temp macro host_key(url) as
case
    when starts_with(url, 'https://') and not starts_with(url, 'https://[') then split_part(url, '/', 3)
    when starts_with(url, 'http://') and not starts_with(url, 'http://[') then split_part(url, '/', 3)
    else '[' || host_of(url)
end;

-- Path of a URL or of a path with a query: the query may hold secrets and splits what is one path.
create or replace temp macro path_of(url) as
split_part(
    case
        when not contains(url, '://') then url
        when strpos(split_part(url, '://', 2), '/') = 0 then '/'
        else substr(split_part(url, '://', 2), strpos(split_part(url, '://', 2), '/'))
    end, '?', 1);

-- A name that AWS made (load balancers, Lattice) or an address, as opposed to one of the owner's own domain.
create or replace temp macro is_own_domain(host) as
contains(host, '.')
and not ends_with(host, '.amazonaws.com')
and not ends_with(host, '.on.aws')
and not contains(host, ':')
and try_cast(split_part(host, '.', -1) as integer) is null;

create or replace temp macro status_class(status) as
case when status between 100 and 599 then status // 100 end;

-- gRPC status to outcome. 1 cancelled, 3, 5, 6, 7 permission denied, 8, 9, 10, 11 and 16 unauthenticated blame the
-- caller as their HTTP counterparts do (google.rpc.Code); the rest blame the callee.
create or replace temp macro grpc_outcome(grpc_status) as
case
    when grpc_status = 0 then 'ok'
    when grpc_status in (1, 3, 5, 6, 7, 8, 9, 10, 11, 16) then 'client_error'
    else 'server_error'
end;

create or replace temp macro http_outcome(status) as
case
    when status < 400 then 'ok'
    when status < 500 then 'client_error'
    else 'server_error'
end;

-- Who a request counts for in rollups. Lattice's own addresses (an ALB that is a Lattice target sees nothing else) are
-- one caller, and so are public clients.
create or replace temp macro caller_key(principal, cert_subject, vpc, ip) as
case
    when principal is not null then principal
    when cert_subject is not null then cert_subject
    when ip is null then null
    when is_lattice_address(ip) then 'lattice'
    when vpc is not null or is_private(ip) then coalesce(vpc, '') || '/' || ip
    else 'internet'
end;

-- The resource that a Lattice object is of: the folder it lies in. A bucket or a prefix may be called anything.
create or replace temp macro resource_of(log_object) as
split_part(log_object, '/', -2);

-- Whose subscription delivered a Lattice object: that of the service network or of the service. Inside a lambda, as DuckDB
-- then does it once an object, not once a line.
create or replace temp macro subscription_of(log_object) as
list_transform([log_object], lambda o: case
    when starts_with(resource_of(o), 'sn-') then 'network'
    when starts_with(resource_of(o), 'svc-') then 'service'
end)[1];

-- What a request or flow adds to sums of bytes and packets: at most 2^50, a petabyte, whatever a line says. A few lines that say
-- more than there can be would be a sum that does not fit, and nothing beside them would be counted.
create or replace temp macro countable(size) as
case when size is null then 0 else least(greatest(size, -1125899906842624), 1125899906842624) end;

-- Logarithmic latency bucket: 10 % wide, so a quantile read from it is at most 5 % off when its middle is taken.
create or replace temp macro latency_bucket(ms) as
case
    when ms is null then null
    when ms <= 0 then -1
    else floor(ln(ms) / ln(1.1))::integer
end;

-- Start of the minute and of the hour, UTC. Four times as fast as date_trunc, which asks the time zone's rules.
create or replace temp macro minute_of(moment) as
make_timestamptz(epoch_us(moment) // 60_000_000 * 60_000_000);

create or replace temp macro hour_of(moment) as
make_timestamptz(epoch_us(moment) // 3_600_000_000 * 3_600_000_000);

-- Whether a flow record is of what a server sent back. Flow logs do not say who connected to whom. SYN without ACK is
-- the opener's record, SYN-ACK the responder's; without either (a later interval of a long connection, or a v2 format)
-- the lower port is the server's, save for 50051, which gRPC servers took inside Linux's ephemeral range.
create or replace temp macro is_reply(tcp_flags, src_port, dst_port) as
case
    when tcp_flags & 18 = 18 then true
    when tcp_flags & 2 = 2 then false
    when src_port = dst_port then false
    when 50051 in (src_port, dst_port) then src_port = 50051
    else coalesce(src_port < dst_port, false)
end;
