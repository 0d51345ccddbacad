-- Role, user or certificate subject for short: the last part of the ARN, the common name of the subject.
create or replace temp macro short_name(id) as
case
    when starts_with(id, 'arn:') then split_part(id, '/', -1)
    when starts_with(id, 'CN=') then substr(split_part(id, ',', 1), 4)
    else id
end;

-- Display name of a caller that only is a key of the rollups: vpc/ip, internet, lattice.
create or replace temp macro key_name(key) as
case
    when key is null then 'unknown'
    when key = 'lattice' then 'VPC Lattice'
    when starts_with(key, '/') then substr(key, 2)
    when starts_with(key, 'vpc-') then split_part(key, '/', 2) || ' (' || split_part(key, '/', 1) || ')'
    else short_name(key)
end;
