-- Requests through Application Load Balancers in the common vocabulary, one row a line of alb_access; service is the
-- load balancer here (the host behind it needs every target group's hosts). Reached: a target was asked.
select
    time,
    case
        when type in ('ws', 'wss') then 'websocket'
        when type = 'grpcs' then 'grpc'
        else 'http'
    end as kind,
    'alb' as front_door,
    null::varchar as service_network,
    elb as service,
    null::varchar as caller_principal,
    null::varchar as caller_session,
    null::varchar as caller_org_id,
    null::varchar as caller_account,
    null::varchar as caller_cert_subject,
    client_ip as caller_ip,
    client_port as caller_port,
    null::varchar as caller_vpc,
    caller_key(null, null, null, client_ip) as caller_key,
    target_group_arn as target_group,
    target_ip,
    target_port,
    null::varchar as target_vpc,
    host_of_authority(authority) as host,
    host_of_authority(untargeted_authority) as untargeted_host,
    domain_name as sni,
    request_verb as method,
    path_of(request_url) as path,
    request_proto as protocol,
    elb_status_code as status,
    null::integer as grpc_status,
    target_status_code as target_status,
    -- Nothing was forwarded in those below 'application': the load balancer itself refused. WAF did where it came last, with
    -- any status that its rule may name (not the load balancer's own, 460 to 464); the actions after it show that it let pass.
    case
        when elb_status_code is null then null
        when target_ip is not null or target_status_code is not null or contains(actions_executed, 'forward')
            then case when elb_status_code = 403 then 'application' end
        when (actions_executed = 'waf' or ends_with(actions_executed, ',waf')) and error_reason is null
            and elb_status_code not between 460 and 464 then 'waf'
        when elb_status_code < 400 then null
        -- Who was to be asked whether to let the caller in gave no answer: AWS counts these as ELBAuthError, not ELBAuthFailure.
        when starts_with(error_reason, 'AuthTokenEpRequest') or starts_with(error_reason, 'AuthUserinfoEpRequest')
            or starts_with(error_reason, 'JWKS') or error_reason in (
                'AuthUserinfoResponseSizeExceeded',
                'AuthMissingHostHeader',
                'AuthUnhandledException',
                'JWTValidationInternalError'
            ) then null
        when starts_with(error_reason, 'Auth') or starts_with(error_reason, 'JW') then 'alb_auth'
        when contains(actions_executed, 'authenticate') and elb_status_code in (401, 403) then 'alb_auth'
        when elb_status_code = 403 and contains(actions_executed, 'fixed-response') then 'alb_rule'
    end as denied_by,
    coalesce(denied_by <> 'application', false) as is_denied,
    case
        when is_denied then 'denied'
        -- 460: the caller gave up waiting. 502 to 504 without a target's status: no target, or it did not answer; a
        -- Lambda function's error is an answer.
        when elb_status_code is null or elb_status_code = 460 then 'no_response'
        when elb_status_code between 502 and 504 and target_status_code is null and target_group_arn is not null
            and not coalesce(starts_with(error_reason, 'Lambda'), false) then 'no_response'
        else http_outcome(elb_status_code)
    end as outcome,
    case
        when denied_by = 'alb_auth' then 'denied'
        when contains(actions_executed, 'authenticate') and contains(actions_executed, 'forward') then 'allowed'
        else 'not_evaluated'
    end as auth_decision,
    case
        when denied_by = 'application' then null
        when denied_by is not null then coalesce(error_reason, actions_executed)
    end as deny_reason,
    error_reason as failure_reason,
    case
        when type in ('ws', 'wss') then null
        else coalesce(
            (request_processing_time + target_processing_time + response_processing_time) * 1000,
            date_diff('microsecond', request_creation_time, time) / 1000.0
        )
    end as latency_ms,
    request_processing_time * 1000 as front_door_ms,
    target_processing_time * 1000 as target_ms,
    response_processing_time * 1000 as response_ms,
    received_bytes as bytes_in,
    sent_bytes as bytes_out,
    ssl_protocol as tls_version,
    user_agent,
    trace_id,
    conn_trace_id,
    null::varchar as request_id,
    ip_address as node_ip,
    null::varchar as subscription,
    log_object,
    log_line,
    day
from (
    -- host_of in two steps: in one, each of its macros' arguments is planned up to four times. Which service a request is
    -- for needs the host of those alone that no target group tells.
    select
        *,
        split_part(split_part(request_url, '://', 2), '/', 1) as authority,
        split_part(split_part(case when target_group_arn is null then request_url end, '://', 2), '/', 1) as untargeted_authority
    from alb_access
) as r
