-- Shares of a service's target groups, and of a host's front doors, per step of [begin_at, end_at): what was shared out where,
-- and when a share moved (see the report target_group_shares, which lists them).
create or replace temp macro traffic_shares(begin_at, end_at, step_minutes, min_change) as table
with units as (
    select
        'load_balancer' as shifted_at,
        c.callee,
        c.service,
        c.target_group as target,
        time_bucket(to_minutes(step_minutes), c.minute, timestamptz '2000-01-01 00:00:00+00') as step,
        c.requests,
        c.server_errors + c.no_response as failed
    from calls as c
    where c.minute >= begin_at
        and c.minute < end_at
        and c.target_group is not null
    union all
    select
        'dns',
        m.host,
        m.host,
        m.service,
        time_bucket(to_minutes(step_minutes), m.minute, timestamptz '2000-01-01 00:00:00+00'),
        m.requests,
        case when m.outcome in ('server_error', 'no_response') then m.requests else 0 end
    from call_counts as m
    where m.minute >= begin_at
        and m.minute < end_at
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
            time_bucket(to_minutes(step_minutes), begin_at, timestamptz '2000-01-01 00:00:00+00'),
            end_at - interval 1 microsecond,
            to_minutes(step_minutes)
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

-- With the step before in which the service had any requests.
compared as (
    select
        *,
        n / nullif(all_n, 0) as share,
        last_value(n / nullif(all_n, 0) ignore nulls) over w as share_before,
        last_value(nullif(all_n, 0) ignore nulls) over w as all_before,
        last_value(case when all_n > 0 then n end ignore nulls) over w as n_before
    from filled
    window w as (
        partition by shifted_at, service, target
        order by step
        rows between unbounded preceding and 1 preceding
    )
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
        abs(c.share - c.share_before) >= min_change
        and (
            -- From or to 0, by five requests or more of its own; from or to 1, by as many of all the others.
            (c.share_before in (0, 1) and abs(c.n - c.share_before * c.all_n) >= 5 and 2 * c.all_before >= c.all_n)
            or (c.share in (0, 1) and abs(c.n_before - c.share * c.all_before) >= 5 and 2 * c.all_n >= c.all_before)
            or abs(c.share - c.share_before) > 3 * sqrt(
                (c.share * c.all_n + c.share_before * c.all_before) / (c.all_n + c.all_before)
                * (1 - (c.share * c.all_n + c.share_before * c.all_before) / (c.all_n + c.all_before))
                * (1 / c.all_n + 1 / c.all_before)
            )
        ),
        false
    ) as shifted,
    c.failed / nullif(c.n, 0) as failed_share,
    coalesce(c.step + to_minutes(step_minutes) <= data_until(), false) as complete
from compared as c;
