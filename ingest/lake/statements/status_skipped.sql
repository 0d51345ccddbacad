-- SKIPDATA: flow records that AWS says it lost, by account and region.
select
    'vpc_flow' as format,
    log_account as account,
    log_region as region,
    count(*) as records,
    min(seen_at) as first_seen,
    max(seen_at) as last_seen
from contents
where log_status = 'SKIPDATA'
    and day >= $since
group by all
order by all
