-- The same in ClickHouse's words.
select
    caller_principal as caller,
    service_arn as callee,
    auth_denied_reason as reason,
    count(*) as refused,
    min(start_time) as first_seen,
    max(start_time) as last_seen
from file('LAKE/lattice_access/day=*/*.parquet', Parquet)
where auth_denied_reason is not null
    and start_time >= toDateTime64('SINCE', 6, 'UTC')
    and start_time < toDateTime64('UNTIL', 6, 'UTC')
group by caller, callee, reason
union all
select
    coalesce(pkt_srcaddr, srcaddr) as caller,
    concat(coalesce(pkt_dstaddr, dstaddr), ':', toString(dstport)) as callee,
    'REJECT' as reason,
    count(*),
    min(start_time),
    max(start_time)
from file('LAKE/vpc_flow/day=*/*.parquet', Parquet)
where action = 'REJECT'
    and start_time >= toDateTime64('SINCE', 6, 'UTC')
    and start_time < toDateTime64('UNTIL', 6, 'UTC')
group by caller, callee, reason
