-- ---
-- title = "Shift traffic at the load balancer"
-- question = "Whose traffic is shared out in DNS, which shifts were followed by errors, and what is not health-checked?"
-- place = 7
-- practice = """
-- Shift traffic by weights of target groups, which take effect in seconds, not by DNS records, which wait for every caller's
-- cache. Health checks and access logs decide whether a new version keeps its traffic."""
-- reference = "https://aws.github.io/aws-networking-best-practices/application-networking/service-to-service/#traffic-management-best-practices"
-- about = """
-- One row per service or host whose traffic is shared out: over target groups of one front door (weights), or over several
-- front doors for one host (DNS). It follows when it is shared out by weights and no target group that gained traffic failed
-- clearly more often than the rest in the watch_minutes after (five failures, three standard errors). Where a load balancer's
-- health check log is there, a target group without checks does not follow either."""
-- blind = """
-- A change of weights that nobody's traffic shows is not seen, nor why it was made. Lattice logs no health checks, and load
-- balancers only where that log is switched on. A blue-green switch between two hosts looks like two services."""
-- action = """
-- several_front_doors: finish the migration, or put both behind one Lattice service. errors_after_shift: shift back, see the
-- report canary. no_health_checks: switch health checks on for the target group."""
-- says = "{followed:,.0f} of {counted:,.0f} services shared out shift by weights, without errors after"
-- unit = "services"
-- sources = ["lattice_access", "alb_access"]
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- step_minutes = { type = "bigint", default = 15, about = "length of a step; longer ones for windows of weeks" }
-- min_change = { type = "double", default = 0.05, about = "change of a share that is a shift" }
-- watch_minutes = { type = "bigint", default = 30, about = "how long after a shift errors count" }
-- followed_from = { type = "double", default = 1.0, about = "share of services from which the practice is followed" }
-- partly_from = { type = "double", default = 0.5, about = "share of services from which it is partly followed" }
-- [columns]
-- subject = { type = "varchar", about = "service or host" }
-- reason = { type = "varchar", about = "errors_after_shift, several_front_doors or no_health_checks; NULL when it follows" }
-- followed = { type = "double", about = "1 when it follows, else 0" }
-- counted = { type = "double", about = "1" }
-- share = { type = "double", about = "followed / counted" }
-- verdict = { type = "varchar", about = "followed or not followed" }
-- finding = { type = "varchar", about = "what does not follow, in words" }
-- shared_out_by = { type = "varchar", about = "load_balancer (weights) or dns; NULL: not shared out, only health checks are told" }
-- targets = { type = "bigint", about = "target groups, or front doors of the host" }
-- shifts = { type = "bigint", about = "steps in which a share moved" }
-- first_shift = { type = "timestamp with time zone", about = "start of the first of them" }
-- failing_target = { type = "varchar", about = "the target group that failed after it gained traffic", wide = true }
-- failing_shift = { type = "timestamp with time zone", about = "start of the step in which it gained that traffic" }
-- failed_after = { type = "double", about = "its failed share in the time after the shift, 0 to 1" }
-- failed_elsewhere = { type = "double", about = "failed share of the others then, and of all in as long before, 0 to 1" }
-- unchecked = { type = "varchar[]", about = "target groups without a health check in the window", wide = true }
-- ---
with shares as (
    select
        s.shifted_at,
        s.callee,
        s.target,
        s.step,
        s.requests,
        coalesce(round(s.failed_share * s.requests), 0) as failed,
        s.shifted,
        coalesce(s.share > s.share_before, false) as grew
    from traffic_shares($since, $until, $step_minutes, $min_change) as s
),

after_shifts as (
    select
        g.shifted_at,
        g.callee,
        g.target,
        g.step,
        sum(s.requests) filter (s.target = g.target and s.step >= g.step) as n,
        sum(s.failed) filter (s.target = g.target and s.step >= g.step) as failed,
        sum(s.requests) filter (s.target <> g.target or s.step < g.step) as other_n,
        sum(s.failed) filter (s.target <> g.target or s.step < g.step) as other_failed
    from shares as g
    inner join shares as s
        on g.shifted_at = s.shifted_at
        and g.callee = s.callee
        and s.step >= g.step - to_minutes($watch_minutes)
        and s.step < g.step + to_minutes($watch_minutes)
    where g.shifted
        and g.grew
    group by g.shifted_at, g.callee, g.target, g.step
),

failing as (
    select
        a.shifted_at,
        a.callee,
        -- Of shifts that were as bad the first.
        arg_min(
            {
                'target': a.target,
                'shift': a.step,
                'failed_after': a.failed / a.n,
                'failed_elsewhere': a.other_failed / nullif(a.other_n, 0)
            },
            (-a.failed / a.n, a.step, a.target)
        ) as worst
    from after_shifts as a
    where a.failed >= 5
        and a.failed / a.n - coalesce(a.other_failed / nullif(a.other_n, 0), 0) > 3 * sqrt(
            (a.failed + coalesce(a.other_failed, 0)) / (a.n + coalesce(a.other_n, 0))
            * (1 - (a.failed + coalesce(a.other_failed, 0)) / (a.n + coalesce(a.other_n, 0)))
            * (1 / a.n + 1 / greatest(coalesce(a.other_n, 0), 1))
        )
    group by a.shifted_at, a.callee
),

shared_out as (
    select
        s.shifted_at,
        s.callee,
        count(distinct s.target) as targets,
        count(distinct s.step) filter (s.shifted) as shifts,
        min(s.step) filter (s.shifted) as first_shift
    from shares as s
    group by s.shifted_at, s.callee
),

-- Only of load balancers whose health check log is there can anybody say that a check is missing.
checked as (
    select
        n.name as callee,
        list(distinct g.target_group order by g.target_group) filter (
            not exists (
                select 1
                from alb_health_check as h
                where h.elb = g.elb
                    and h.target_group_id = split_part(g.target_group, '/', 2)
                    and h.time >= $since
                    and h.time < $until
            )
        ) as unchecked
    from alb_target_groups as g
    inner join service_names as n
        on g.service = n.service
    where g.elb in (select h.elb from alb_health_check as h where h.time >= $since and h.time < $until)
    group by n.name
),

judged as (
    select
        coalesce(o.callee, c.callee) as callee,
        o.shifted_at,
        o.targets,
        coalesce(o.shifts, 0) as shifts,
        o.first_shift,
        f.worst.target as target,
        f.worst.shift as shift,
        f.worst.failed_after as failed_after,
        f.worst.failed_elsewhere as failed_elsewhere,
        coalesce(c.unchecked, []) as unchecked,
        case
            when f.worst is not null then 'errors_after_shift'
            when o.shifted_at = 'dns' then 'several_front_doors'
            when len(c.unchecked) > 0 then 'no_health_checks'
        end as reason
    from shared_out as o
    left join failing as f
        on o.shifted_at = f.shifted_at
        and o.callee = f.callee
    full join checked as c
        on o.callee = c.callee
        and o.shifted_at = 'load_balancer'
)

select
    j.callee as subject,
    j.reason,
    case when j.reason is null then 1.0 else 0.0 end::double as followed,
    1::double as counted,
    case when j.reason is null then 1.0 else 0.0 end::double as share,
    practice_verdict(case when j.reason is null then 1 else 0 end, 1, $followed_from, $partly_from) as verdict,
    case j.reason
        when 'errors_after_shift' then percent_text(j.failed_after) || ' failed at ' || split_part(j.target, '/', 2) || ' after the shift at '
            || strftime(j.shift, '%H:%M') || 'Z, ' || percent_text(coalesce(j.failed_elsewhere, 0)) || ' elsewhere'
        when 'several_front_doors' then j.targets || ' front doors serve this host: it is shared out in DNS'
            || case when j.shifts > 0 then ', and shifted there ' || j.shifts || ' times' else '' end
        when 'no_health_checks' then 'no health check of ' || len(j.unchecked) || ' target groups'
    end as finding,
    j.shifted_at as shared_out_by,
    j.targets,
    j.shifts,
    j.first_shift,
    j.target as failing_target,
    j.shift as failing_shift,
    j.failed_after,
    j.failed_elsewhere,
    j.unchecked
from judged as j
order by array_position(['errors_after_shift', 'several_front_doors', 'no_health_checks'], j.reason) nulls last, j.failed_after desc, j.targets desc, subject
