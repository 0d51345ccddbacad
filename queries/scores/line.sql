-- ---
-- title = "The line of a practice on the scorecard"
-- question = "How well is it followed, all of its rows together?"
-- about = """
-- From the rows of one practice, in the table `practice`. Rows that count nothing (what stands in the way, what the logs cannot
-- tell) change no number."""
-- [params]
-- followed_from = { type = "double", about = "share from which the practice is followed" }
-- partly_from = { type = "double", about = "share from which it is partly followed" }
-- [columns]
-- followed = { type = "double", about = "what follows the practice" }
-- counted = { type = "double", about = "what it applies to" }
-- share = { type = "double", about = "followed / counted, 0 to 1; NULL when nothing counts" }
-- verdict = { type = "varchar", about = "followed, partly, not followed, or not seen in these logs" }
-- untold = { type = "bigint", about = "rows of which the logs cannot tell" }
-- ---
select
    coalesce(sum(p.followed), 0)::double as followed,
    coalesce(sum(p.counted), 0)::double as counted,
    sum(p.followed) / nullif(sum(p.counted), 0) as share,
    practice_verdict(sum(p.followed), sum(p.counted), $followed_from, $partly_from) as verdict,
    count(*) filter (p.verdict = 'not seen in these logs') as untold
from practice as p
