-- Requests per minute and combination of caller, service and outcome.
select
    r.minute_combination as combination,
    f.minute,
    count(*) as requests,
    coalesce(sum(f.bytes_in), 0)::bigint as bytes_in,
    coalesce(sum(f.bytes_out), 0)::bigint as bytes_out,
    f.day
from batch_facts as f
inner join batch_requests as r
    on f.combination = r.combination
group by r.minute_combination, f.minute, f.day
