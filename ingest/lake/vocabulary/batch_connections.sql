-- One flow of each combination in a batch, in their order: what all flows of its number are counted by, under the names
-- of the rollup's columns.
select
    log_line as combination,
    client_ip as src_ip,
    server_ip as dst_ip,
    protocol,
    connection_direction as direction,
    action,
    reject_reason,
    vpc,
    interface_id,
    traffic_path
from connections
order by combination
