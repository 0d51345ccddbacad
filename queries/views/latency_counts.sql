-- call_hours without what a service network's subscription delivered of a service that has its own: the same call counts
-- once, as in requests.
select h.*
from call_hours as h
anti join own_subscriptions as o
    on case when h.subscription = 'network' then split_part(h.service, '/', 2) end = o.service_id
    and h.hour = o.hour
