-- ---
-- title = "Sources that a finding says are silent"
-- question = "Which sources are due although nobody remembers them, and which are not, as somebody closed their finding?"
-- [params]
-- [columns]
-- source = { type = "varchar", about = "name of its objects up to their time" }
-- format = { type = "varchar", about = "table its records went to" }
-- delivered_until = { type = "timestamp with time zone", about = "end of the last five minutes it delivered for" }
-- is_closed = { type = "boolean", about = "it is meant to be silent" }
-- ---
select
    finding_key as source,
    evidence ->> 'format' as format,
    (evidence ->> 'delivered_until')::timestamptz as delivered_until,
    state = 'closed' as is_closed
from findings
where check_name = 'silent_source'
qualify row_number() over (partition by finding_key order by opened_at desc, finding_id) = 1
    and (state = 'closed' or resolved_at is null)
order by source
