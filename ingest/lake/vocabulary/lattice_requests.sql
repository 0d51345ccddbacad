-- Requests through VPC Lattice in the common vocabulary, one row a line of lattice_access.
-- TLS passthrough has neither method nor status: it is judged by failure_reason alone. is_denied: outcome is 'denied', for
-- those who ask for nothing else of it.
select
    start_time as time,
    case
        when request_method is null and response_code is null and grpc_response_code is null then 'tls'
        when grpc_response_code is not null then 'grpc'
        when response_code = 101 then 'websocket'
        else 'http'
    end as kind,
    'lattice' as front_door,
    service_network_arn as service_network,
    service_arn as service,
    role as caller_principal,
    session_of(signer) as caller_session,
    caller_principal_org_id as caller_org_id,
    coalesce(account_of(role), account_of(source_vpc_arn)) as caller_account,
    caller_x509_subject_cn as caller_cert_subject,
    source_ip as caller_ip,
    source_port as caller_port,
    source_vpc_id as caller_vpc,
    caller_key(role, caller_x509_subject_cn, source_vpc_id, source_ip) as caller_key,
    target_group_arn as target_group,
    target_ip,
    target_port,
    destination_vpc_id as target_vpc,
    host_of_authority(coalesce(host_header, server_name_indication)) as host,
    server_name_indication as sni,
    request_method as method,
    path_of(request_path) as path,
    protocol,
    response_code as status,
    grpc_response_code as grpc_status,
    case when target_ip is not null then response_code end as target_status,
    auth_denied_reason is not null or coalesce(l.failure_reason = 'ClientAccessDenied', false) as is_denied,
    case
        when is_denied then 'denied'
        -- A response was due and none came: the target did not answer, or the caller gave up waiting for it (Lattice's own 400).
        when l.failure_reason in ('TargetConnectionError', 'TargetDataTimeout', 'TargetConnectionClosed')
            then 'no_response'
        when l.failure_reason = 'ClientConnectionClosed' and target_ip is not null and request_method is not null
            and coalesce(response_code, 400) = 400 then 'no_response'
        when request_method is null and response_code is null and grpc_response_code is null
            then case
                when l.failure_reason is null or l.failure_reason = 'ConnectionDurationExceeded' then 'ok'
                when starts_with(l.failure_reason, 'Client') then 'client_error'
                else 'server_error'
            end
        when response_code >= 400 then http_outcome(response_code)
        when grpc_response_code is not null then grpc_outcome(grpc_response_code)
        when response_code is null then 'no_response'
        -- A response came, and the caller did not stay for all of it. A WebSocket ends like that.
        when l.failure_reason = 'ClientConnectionClosed' and response_code <> 101 then 'client_error'
        else 'ok'
    end as outcome,
    case
        when is_denied then 'denied'
        when resolved_user is null or resolved_user = 'Unknown' then 'not_evaluated'
        else 'allowed'
    end as auth_decision,
    case
        when auth_denied_reason = 'Service' then 'service_policy'
        when auth_denied_reason = 'Network' then 'network_policy'
        when auth_denied_reason = 'Identity' then 'identity_policy'
        when is_denied then 'unknown_policy'
        when response_code = 403 or grpc_response_code = 7 then 'application'
    end as denied_by,
    case when is_denied then coalesce(auth_denied_reason, l.failure_reason) end as deny_reason,
    failure_reason,
    case
        when request_method is not null and response_code is distinct from 101 then duration::double
    end as latency_ms,
    case when target_ip is not null then request_to_target_duration::double end as front_door_ms,
    case
        when target_ip is not null and request_method is not null and response_code is distinct from 101
            then greatest(duration - request_to_target_duration - response_from_target_duration, 0)::double
    end as target_ms,
    case when target_ip is not null then response_from_target_duration::double end as response_ms,
    bytes_received as bytes_in,
    bytes_sent as bytes_out,
    tls_version,
    user_agent,
    null::varchar as trace_id,
    null::varchar as conn_trace_id,
    request_id,
    null::varchar as node_ip,
    subscription_of(log_object) as subscription,
    log_object,
    log_line,
    day
from (
    select
        *,
        coalesce(caller_principal, resolved_user) as signer,
        -- role_of of one column inside a lambda: DuckDB then does it once an entry of the column's dictionary.
        case
            when caller_principal is null then role_of(resolved_user)
            else list_transform([caller_principal], lambda p: role_of(p))[1]
        end as role
    from lattice_access
) as l
