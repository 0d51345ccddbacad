-- Who was refused by a policy or a packet filter: of the raw Parquet.
select
    caller_principal as caller,
    service_arn as callee,
    auth_denied_reason as reason,
    count(*) as refused,
    min(start_time) as first_seen,
    max(start_time) as last_seen
from read_parquet('LAKE/lattice_access/day=*/*.parquet')
where auth_denied_reason is not null
    and start_time >= timestamptz 'SINCE'
    and start_time < timestamptz 'UNTIL'
group by all
union all
select
    coalesce(pkt_srcaddr, srcaddr),
    coalesce(pkt_dstaddr, dstaddr) || ':' || dstport,
    'REJECT',
    count(*),
    min(start_time),
    max(start_time)
from read_parquet('LAKE/vpc_flow/day=*/*.parquet')
where action = 'REJECT'
    and start_time >= timestamptz 'SINCE'
    and start_time < timestamptz 'UNTIL'
group by all
