-- ---
-- title = "The caller's requests to the callee"
-- question = "What did the caller ask, and what came back?"
-- about = """
-- One row a request in the window. An unsigned request from one of the caller's addresses is the caller's too, when it is
-- the only one at that address that has called this callee, and said to be unsigned."""
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window" }
-- caller = { type = "varchar", about = "caller's display name" }
-- callee = { type = "varchar", about = "callee's display name" }
-- [columns]
-- time = { type = "timestamp with time zone", about = "time of the request" }
-- front_door = { type = "varchar", about = "lattice or alb" }
-- outcome = { type = "varchar", about = "as in requests" }
-- cause = { type = "varchar", about = "layer that refused, else identity_provider, target, no_response, caller_left, client_error or NULL" }
-- reason = { type = "varchar", about = "what the log gives as the reason" }
-- status = { type = "integer", about = "status code" }
-- target_group = { type = "varchar", about = "target group" }
-- unsigned = { type = "boolean", about = "known by its address alone, though it has a principal" }
-- latency_ms = { type = "double", about = "duration, ms" }
-- log_object = { type = "varchar", about = "source object" }
-- log_line = { type = "integer", about = "line in it" }
-- ---
select
    r.time,
    r.front_door,
    r.outcome,
    case
        when r.denied_by is not null then r.denied_by
        when r.outcome = 'server_error' and r.front_door = 'alb'
            and (starts_with(r.failure_reason, 'Auth') or starts_with(r.failure_reason, 'JW')) then 'identity_provider'
        when r.outcome = 'server_error' then 'target'
        when r.outcome = 'no_response' then 'no_response'
        when r.outcome = 'client_error' and r.failure_reason = 'ClientConnectionClosed' and r.status < 400 then 'caller_left'
        when r.outcome = 'client_error' then 'client_error'
    end as cause,
    coalesce(r.deny_reason, r.failure_reason) as reason,
    r.status,
    r.target_group,
    r.front_door = 'lattice'
    and r.caller_principal is null
    and r.caller_cert_subject is null
    and $caller in (select p.name from principal_names as p) as unsigned,
    r.latency_ms,
    r.log_object,
    r.log_line
from edge_requests as r
where r.time >= $since
    and r.time < $until
    and r.callee = $callee
    and (
        r.caller = $caller
        or (
            r.caller_principal is null
            and r.caller_cert_subject is null
            and r.caller not in (select n.name from nodes as n)
            and exists (
                select 1
                from sources as s
                inner join principal_names as p
                    on s.principal = p.principal
                where s.vpc = r.caller_vpc
                    and s.ip = r.caller_ip
                    and p.name = $caller
                    and exists (
                        select 1
                        from calls as c
                        where c.caller = $caller
                            and c.callee = $callee
                    )
            )
        )
    )
order by r.time, r.log_object, r.log_line
