-- Whether a window is the session's own, or all of its history.
create or replace temp macro is_window(begin_at, end_at) as
begin_at = window_from() and end_at = window_until();

create or replace temp macro is_history(begin_at, end_at) as
begin_at = history_from() and end_at = window_from();

-- The calls of [begin_at, end_at), one row an edge. Which of the three answers is decided when a question is planned: a
-- session that asks often holds its window and its history (Session.hold), and most questions are about these.
create or replace temp macro edges(begin_at, end_at) as table
from present_calls
where is_window(begin_at, end_at)
union all
from earlier_calls
where is_history(begin_at, end_at)
    and not is_window(begin_at, end_at)
union all
from edge_totals(begin_at, end_at)
where not is_window(begin_at, end_at)
    and not is_history(begin_at, end_at);
