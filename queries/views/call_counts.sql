-- call_minutes without what replaced objects took back, and without what a service network's subscription delivered of a
-- service that has its own: the same call counts once, as in requests. Rows are not added up where nothing was taken back: grouping
-- days of minutes costs ten times what reading them does.
select c.*
from (
    select c.*
    from call_minutes as c
    anti join corrections as k
        on c.minute = k.minute
        and coalesce(c.service, '') = k.service
        and coalesce(c.caller_key, '') = k.caller_key
    union all
    from corrected_minutes
) as c
anti join own_subscriptions as o
    on case when c.subscription = 'network' then split_part(c.service, '/', 2) end = o.service_id
    and hour_of(c.minute) = o.hour
