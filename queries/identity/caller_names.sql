-- Keys of callers that stand for the same one in every hour: nearly all, so that counts are named without their hours.
select
    service,
    caller_key,
    min(caller) as caller
from hourly_callers
group by service, caller_key
having min(caller) = max(caller)
