-- What could not be read, by reason, with an object to look at.
select
    reason,
    format,
    count(*) as lines,
    count(distinct log_object) as objects,
    max(rejected_at) as last_seen,
    arg_max(log_object, (rejected_at, log_object)) as example
from contents
where rejected_at >= $since
group by all
order by lines desc, reason, format
