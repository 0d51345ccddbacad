-- Role, user or certificate subject for short: the last part of the ARN, the common name of the subject.
create or replace temp macro short_name(id) as
case
    when starts_with(id, 'arn:') then split_part(id, '/', -1)
    when starts_with(id, 'CN=') then substr(split_part(id, ',', 1), 4)
    else id
end;

-- Display name of a caller that only is a key of the rollups: vpc/ip, internet, lattice. A lambda, so that what it is given is
-- planned once and not nine times.
create or replace temp macro key_name(key) as
list_transform(
    [key],
    lambda k: case
        when k is null then 'unknown'
        when k = 'lattice' then 'VPC Lattice'
        when starts_with(k, '/') then substr(k, 2)
        when starts_with(k, 'vpc-') then split_part(k, '/', 2) || ' (' || split_part(k, '/', 1) || ')'
        else short_name(k)
    end
)[1];

-- The load balancer that a request came to from Lattice; NULL for every other one. Where it is a target of Lattice
-- (seen_through), the request is the second leg of a call.
create or replace temp macro relaying_elb(front_door, caller_ip, service) as
case when front_door = 'alb' and is_lattice_address(caller_ip) then split_part(service, '#', 1) end;

-- Whether a principal calls itself what names are made like here: a word for somebody, an address, or something in brackets
-- behind a name, as 10.0.0.7 (vpc-a) or orders (role). internet as a key means public clients, whoever else calls himself so.
create or replace temp macro looks_made(name, principal) as
ends_with(name, ')')
or name in ('unknown', 'VPC Lattice')
or (name = 'internet' and principal <> 'internet')
or contains(name, ':')
or regexp_full_match(name, '[0-9.]+');
