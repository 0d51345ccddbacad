-- The newest rejects, with their text.
select
    rejected_at,
    reason,
    format,
    log_object,
    log_line,
    detail,
    raw
from rejects
where ($since is null or rejected_at >= $since)
order by rejected_at desc, log_object, log_line
limit $limit
