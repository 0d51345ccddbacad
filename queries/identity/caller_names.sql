-- Keys of callers that stand for the same one in every hour: nearly all, so that counts are named without their hours. What
-- is no address is the same one by its nature.
select
    service,
    caller_key,
    min(caller) as caller
from hourly_callers
group by service, caller_key
having min(caller) = max(caller)
union all
select
    c.service,
    c.caller_key,
    coalesce(p.name, key_name(c.caller_key)) as caller
from (
    select distinct
        service,
        caller_key
    from edge_hours
    where not starts_with(caller_key, '/')
        and not starts_with(caller_key, 'vpc-')
) as c
left join principal_names as p
    on c.caller_key = p.principal
