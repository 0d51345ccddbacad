-- How many records could not be read, by reason, and where the first of them is.
select
    reason,
    count(*) as rejects,
    count(distinct log_object) as objects,
    min(rejected_at) as first_rejected,
    max(rejected_at) as last_rejected,
    arg_min(log_object, (rejected_at, log_object, log_line)) as first_object,
    arg_min(log_line, (rejected_at, log_object, log_line)) as first_line,
    arg_min(detail, (rejected_at, log_object, log_line)) as first_detail
from rejects
where ($since is null or rejected_at >= $since)
group by reason
order by rejects desc, reason
limit $limit
