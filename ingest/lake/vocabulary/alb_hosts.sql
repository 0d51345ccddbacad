-- What tells the hosts of a batch's load-balancer requests apart, in the order of the rows (DuckDB's default).
select host_key(request_url) as host
from alb_access
