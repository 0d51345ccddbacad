-- Where callers were seen and services answered, by day: read once for all that needs no hour.
select
    day,
    side,
    id,
    ip,
    sum(sightings)::bigint as sightings
from endpoint_hours
group by day, side, id, ip
