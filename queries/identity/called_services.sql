-- Which services were called, for which target group and by which key of callers, by day: read once for all that needs no
-- hour.
select distinct
    day,
    front_door,
    service,
    target_group,
    caller_key
from edge_hours
