-- Lattice services whose own access log subscription delivered something in an hour. Their requests in the service
-- network's logs of that hour are the same ones again.
select distinct
    regexp_extract(log_object, '/(svc-[0-9a-z]+)/', 1) as service_id,
    unnest(generate_series(hour_of(min_time), max_time, interval 1 hour)) as hour
from objects
where format = 'lattice_access'
    and contains(log_object, '/svc-')
    and rows > 0
