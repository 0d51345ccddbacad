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
