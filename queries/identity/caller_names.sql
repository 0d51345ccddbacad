-- Whom a key of callers stands for: in every hour the same caller, nearly always, so that counts are named without their
-- hours. moves: in some hours somebody else, whom moving_callers says; here it is the caller of most hours. What is no
-- address is the same one by its nature.
select
    h.service,
    h.caller_key,
    arg_max(h.caller, (h.hours, h.caller)) as caller,
    count(*) > 1 as moves
from (
    select
        service,
        caller_key,
        caller,
        count(*) as hours
    from hourly_callers
    group by service, caller_key, caller
) as h
group by h.service, h.caller_key
union all
select
    c.service,
    c.caller_key,
    coalesce(p.name, key_name(c.caller_key)) as caller,
    false as moves
from (
    select distinct
        service,
        caller_key
    from called_services
    where not starts_with(caller_key, '/')
        and not starts_with(caller_key, 'vpc-')
) as c
left join principal_names as p
    on c.caller_key = p.principal
