-- Lattice services whose own access log subscription delivered something in an hour. Their requests in the service
-- network's logs of that hour are the same ones again.
select distinct
    resource_of(log_object) as service_id,
    unnest(generate_series(hour_of(min_time), max_time, interval 1 hour)) as hour
from objects
where format = 'lattice_access'
    and contains(log_object, '/svc-')
    and subscription_of(log_object) = 'service'
    and rows > 0
