-- ---
-- title = "Traffic per target group"
-- question = "How was a service's traffic shared out, and when was it shifted: at the load balancer, or in DNS?"
-- about = """
-- load_balancer: target groups of one service; the rule's weights shift traffic there. dns: one host served by several front
-- doors (load balancers, Lattice services); a DNS answer shifts it there, slowly. shifted: the share moved by min_change or
-- more from one step to the next and by more than three standard errors, or went from or to 0 with five requests or more.
-- Only what had more than one is listed."""
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
-- share_before = { type = "double", about = "share in the step before" }
-- shifted = { type = "boolean", about = "whether the share moved" }
-- failed_share = { type = "double", about = "server errors and missing responses / requests, 0 to 1; NULL without requests" }
-- complete = { type = "boolean", about = "whether every source is complete until the step's end" }
-- ---
with units as (
    select
        'load_balancer' as shifted_at,
        c.callee,
        c.service,
        c.target_group as target,
        time_bucket(to_minutes($step_minutes), c.minute, timestamptz '2000-01-01 00:00:00+00') as step,
        c.requests,
        c.server_errors + c.no_response as failed
    from calls as c
    where c.minute >= $since
        and c.minute < $until
        and c.target_group is not null
    union all
    select
        'dns',
        m.host,
        m.host,
        m.service,
        time_bucket(to_minutes($step_minutes), m.minute, timestamptz '2000-01-01 00:00:00+00'),
        m.requests,
        case when m.outcome in ('server_error', 'no_response') then m.requests else 0 end
    from call_minutes as m
    where m.minute >= $since
        and m.minute < $until
        and is_own_domain(m.host)
        and m.caller_key <> 'lattice'
),

counted as (
    select
        shifted_at,
        callee,
        service,
        target,
        step,
        sum(requests) as requests,
        sum(failed) as failed
    from units
    group by all
),

several as (
    select
        shifted_at,
        callee,
        service,
        target
    from counted
    group by shifted_at, callee, service, target
    having sum(requests) > 0
    qualify count(*) over (partition by shifted_at, service) > 1
),

steps as (
    select unnest(
        generate_series(
            time_bucket(to_minutes($step_minutes), $since, timestamptz '2000-01-01 00:00:00+00'),
            $until - interval 1 microsecond,
            to_minutes($step_minutes)
        )
    ) as step
),

filled as (
    select
        s.shifted_at,
        s.callee,
        s.service,
        s.target,
        t.step,
        coalesce(c.requests, 0) as n,
        coalesce(c.failed, 0) as failed,
        sum(coalesce(c.requests, 0)) over (partition by s.shifted_at, s.service, t.step) as all_n
    from several as s
    cross join steps as t
    left join counted as c
        on s.shifted_at = c.shifted_at
        and s.service = c.service
        and s.target = c.target
        and t.step = c.step
),

compared as (
    select
        *,
        n / nullif(all_n, 0) as share,
        lag(n / nullif(all_n, 0)) over w as share_before,
        lag(all_n) over w as all_before,
        lag(n) over w as n_before
    from filled
    window w as (partition by shifted_at, service, target order by step)
)

select
    c.shifted_at,
    c.callee,
    c.target,
    c.step,
    c.n::bigint as requests,
    c.share,
    c.share_before,
    coalesce(
        abs(c.share - c.share_before) >= $min_change
        and (
            (c.share_before = 0 and c.n >= 5 and 2 * c.all_before >= c.all_n)
            or (c.share = 0 and c.n_before >= 5 and 2 * c.all_n >= c.all_before)
            or abs(c.share - c.share_before) > 3 * sqrt(
                (c.share * c.all_n + c.share_before * c.all_before) / (c.all_n + c.all_before)
                * (1 - (c.share * c.all_n + c.share_before * c.all_before) / (c.all_n + c.all_before))
                * (1 / c.all_n + 1 / c.all_before)
            )
        ),
        false
    ) as shifted,
    c.failed / nullif(c.n, 0) as failed_share,
    coalesce(c.step + to_minutes($step_minutes) <= data_until(), false) as complete
from compared as c
order by c.shifted_at desc, c.callee, c.step, c.target
