-- ---
-- title = "Traffic per target group"
-- question = "How was a service's traffic shared out, and when was it shifted: at the load balancer, or in DNS?"
-- about = """
-- load_balancer: target groups of one service; the rule's weights shift traffic there. dns: one host served by several front
-- doors (load balancers, Lattice services); a DNS answer shifts it there, slowly. shifted: the share moved by min_change or
-- more from one step to the next with requests, and by more than three standard errors or from or to 0 or 1. The latter
-- counts when five requests or more moved, and the service had at least half as many in the step with 0 or 1 as in the
-- other. Only what had more than one is listed."""
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- step_minutes = { type = "bigint", default = 15, about = "length of a step" }
-- min_change = { type = "double", default = 0.05, about = "change of a share that is a shift" }
-- [columns]
-- shifted_at = { type = "varchar", about = "load_balancer or dns: where weights would be" }
-- callee = { type = "varchar", about = "display name of the service; of dns, the host" }
-- target = { type = "varchar", about = "target group's ARN; of dns, load balancer or Lattice service" }
-- step = { type = "timestamp with time zone", about = "start of the step" }
-- requests = { type = "bigint", about = "requests it got in the step" }
-- share = { type = "double", about = "of the service's in the step, 0 to 1; NULL when there were none" }
-- share_before = { type = "double", about = "share in the step before, of those in which the service had requests" }
-- shifted = { type = "boolean", about = "whether the share moved" }
-- failed_share = { type = "double", about = "server errors and missing responses / requests, 0 to 1; NULL without requests" }
-- complete = { type = "boolean", about = "whether every source is complete until the step's end" }
-- ---
select
    s.shifted_at,
    s.callee,
    s.target,
    s.step,
    s.requests,
    s.share,
    s.share_before,
    s.shifted,
    s.failed_share,
    s.complete
from traffic_shares($since, $until, $step_minutes, $min_change) as s
order by s.shifted_at desc, s.callee, s.step, s.target
