-- Hours of a service and caller in which replaced objects took something back, as edge_hours says: nearly always none. First
-- and last minutes are not known there, so such hours are counted from their minutes.
select distinct
    hour,
    coalesce(service, '') as service,
    coalesce(caller_key, '') as caller_key
from edge_hours
where last_minute is null
