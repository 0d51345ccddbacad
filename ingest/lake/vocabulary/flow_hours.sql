-- Flows per hour, pair of addresses, server port and interface: by the numbers of their combinations in a batch.
select
    log_line as combination,
    hour_of(time) as hour,
    server_port,
    count(*) as flows,
    coalesce(sum(packets), 0)::bigint as packets,
    coalesce(sum(bytes), 0)::bigint as bytes,
    day
from connections
group by all
