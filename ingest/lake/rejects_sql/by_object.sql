-- How many records could not be read, by object, and where the first of them is.
select
    log_object,
    count(*) as rejects,
    list_sort(list(distinct reason)) as reasons,
    min(rejected_at) as first_rejected,
    max(rejected_at) as last_rejected,
    arg_min(log_line, (rejected_at, log_object, log_line)) as first_line,
    arg_min(detail, (rejected_at, log_object, log_line)) as first_detail
from rejects
where ($since is null or rejected_at >= $since)
group by log_object
order by rejects desc, log_object
limit $limit
