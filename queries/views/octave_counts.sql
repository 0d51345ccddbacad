-- edge_latency_hours without what a service network's subscription delivered of a service that has its own.
select h.*
from edge_latency_hours as h
anti join own_subscriptions as o
    on case when h.subscription = 'network' then split_part(h.service, '/', 2) end = o.service_id
    and h.hour = o.hour
