-- Hosts that are the service behind some target group: a request that got no target group (refused by a rule) still
-- asked for one of these.
select distinct
    elb,
    host,
    service
from alb_target_groups
