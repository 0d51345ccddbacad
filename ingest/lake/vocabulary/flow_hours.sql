-- Flows per hour, pair of addresses, server port and interface: by the numbers of their combinations in a batch.
select
    log_line as combination,
    hour_of(time) as hour,
    server_port,
    count(*) as flows,
    sum(countable(packets))::bigint as packets,
    sum(countable(bytes))::bigint as bytes,
    day
from connections
group by all
