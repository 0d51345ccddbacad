-- What is left of the minutes in which replaced objects took something back.
select
    c.* replace (
        sum(c.requests)::bigint as requests,
        sum(c.bytes_in)::bigint as bytes_in,
        sum(c.bytes_out)::bigint as bytes_out
    )
from call_minutes as c
semi join corrections as k
    on c.minute = k.minute
    and coalesce(c.service, '') = k.service
    and coalesce(c.caller_key, '') = k.caller_key
group by all
having sum(c.requests) <> 0
