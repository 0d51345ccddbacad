-- The client certificate of a connection to a load balancer.
select
    conn_trace_id,
    any_value(leaf_client_cert_subject) as subject
from alb_connection
where leaf_client_cert_subject is not null
    and conn_trace_id is not null
group by conn_trace_id
