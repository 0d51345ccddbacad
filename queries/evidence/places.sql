-- ---
-- title = "Where the caller calls from"
-- question = "Which addresses were the caller's lately?"
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window" }
-- caller = { type = "varchar", about = "caller's display name" }
-- [columns]
-- vpc = { type = "varchar", about = "VPC; NULL where no log tells" }
-- ip = { type = "varchar", about = "address" }
-- ---
select distinct
    vpc,
    ip
from (
    select
        vpc,
        ip
    from address_names
    where name = $caller
        and hour between date_trunc('hour', $since) - interval 1 hour and $until
    union all
    select
        s.vpc,
        s.ip
    from sources as s
    inner join principal_names as p
        on s.principal = p.principal
    where p.name = $caller
        and s.hour between date_trunc('hour', $since) - interval 1 hour and $until
    union all
    select
        caller_vpc,
        caller_ip
    from edge_requests
    where caller = $caller
        and time < $until
)
where ip is not null
order by vpc, ip
