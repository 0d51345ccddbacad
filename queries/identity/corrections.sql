-- What replaced objects took back from call_minutes, by minute, service and caller: only there a minute's counts can
-- come to nothing, and only there they are added up before anybody asks for a first or a last minute.
select distinct
    minute,
    coalesce(service, '') as service,
    coalesce(caller_key, '') as caller_key
from call_minutes
where requests < 0
