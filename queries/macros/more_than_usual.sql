-- Of n requests now, how many are bad beyond the share that was bad before; 0 where three standard errors of the two
-- counts would explain as much. Without a before, all bad ones are. One imagined bad and good request before keep a share
-- of nothing from having no error.
create or replace temp macro more_than_usual(bad, n, bad_before, n_before) as
case
    when coalesce(n_before, 0) <= 0 then bad::double
    when bad - n * bad_before / n_before <= 3 * sqrt(
        n * (1 + n / n_before) * (bad_before + 1) / (n_before + 2) * (1 - (bad_before + 1) / (n_before + 2))
    ) then 0.0
    else bad - n * bad_before / n_before
end;

-- Findings that a check which ends its window at end_at is to remember: of each key the newest, with what it was compared
-- with when it was opened. Those that go on; and, where the baseline begins at begin_at, those that ended since, so that a
-- fault that comes and goes is no measure of itself. Not one that somebody closed: what it found is meant to be so.
create or replace temp macro remembered(of_check, begin_at, end_at) as table
select
    l.finding_key,
    l.resolved_at is null as goes_on,
    l.expected_value,
    l.evidence
from (
    select
        f.finding_key,
        f.state,
        f.resolved_at,
        f.expected_value,
        f.evidence
    from findings as f
    where f.check_name = of_check
        and f.opened_at < end_at
    qualify row_number() over (partition by f.finding_key order by f.opened_at desc, f.finding_id) = 1
) as l
where l.state <> 'closed'
    and (l.resolved_at is null or l.resolved_at >= begin_at);

-- Ends of Wilson's interval of a share of n, and whether the lower end of Newcombe's interval of the difference of two shares,
-- failed / n - other_failed / other_n, is above 0.
create or replace temp macro wilson_low(p, n, z) as
(p + z * z / (2 * n) - z * sqrt((p * (1 - p) + z * z / (4 * n)) / n)) / (1 + z * z / n);

create or replace temp macro wilson_high(p, n, z) as
(p + z * z / (2 * n) + z * sqrt((p * (1 - p) + z * z / (4 * n)) / n)) / (1 + z * z / n);

create or replace temp macro failed_more(failed, n, other_failed, other_n, z) as
failed / n - other_failed / other_n > sqrt(
    power(failed / n - wilson_low(failed / n, n, z), 2)
    + power(wilson_high(other_failed / other_n, other_n, z) - other_failed / other_n, 2)
);
