-- The network interfaces of the load balancers' nodes.
select distinct
    elb,
    ip,
    interface_id,
    vpc
from alb_interface_hours
