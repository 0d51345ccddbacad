-- What the caller at an address is called, by the key it has in the rollups, per service and hour: an address was somebody
-- in an hour, and at a load balancer, which logs no VPC, in the VPC that flow records show there.
select
    c.hour,
    c.service,
    c.caller_key,
    coalesce(
        p.name,
        a.name,
        key_name(case when starts_with(c.caller_key, '/') then coalesce(x.vpc, v.vpc, '') else '' end || c.caller_key)
    ) as caller
from (
    select distinct
        hour,
        service,
        caller_key
    from edge_hours
    where starts_with(caller_key, '/')
        or starts_with(caller_key, 'vpc-')
) as c
left join principal_names as p
    on case when not starts_with(c.caller_key, 'vpc-') then c.caller_key end = p.principal
left join alb_peers as x
    on c.service = x.elb
    and case when starts_with(c.caller_key, '/') then substr(c.caller_key, 2) end = x.ip
    and c.hour = x.hour
left join address_vpcs as v
    on case when starts_with(c.caller_key, '/') then substr(c.caller_key, 2) end = v.ip
    and c.hour = v.hour
left join address_names as a
    on case
        when starts_with(c.caller_key, '/') then coalesce(x.vpc, v.vpc)
        when starts_with(c.caller_key, 'vpc-') then split_part(c.caller_key, '/', 1)
    end = a.vpc
    and split_part(c.caller_key, '/', 2) = a.ip
    and c.hour = a.hour
