-- ---
-- title = "Reach across VPCs and accounts"
-- question = "Which calls cross a VPC or an account, from where to where, and by which path?"
-- place = 9
-- practice = """
-- Across VPCs and accounts, prefer paths that bring the reach with the service: a shared Lattice service network or a resource
-- configuration needs no peering, no transit gateway and no agreement on address ranges. A load balancer over routing needs all
-- three, and its own access control."""
-- reference = "https://aws.github.io/aws-networking-best-practices/application-networking/service-to-service/#cross-vpc-and-cross-account-service-access"
-- about = """
-- The call matrix: account and VPC of the caller x account and VPC of the callee, by path. The caller's account is that of its
-- principal, else of its VPC; the callee's that of the Lattice service, the target group or the resource configuration; its VPC
-- that of most of its targets (of a load balancer: its own). Calls that cross count; those over Lattice or a resource
-- configuration follow."""
-- blind = """
-- Load balancers log no VPC: it is known where flow records show the caller's or the balancer's interface and no address range
-- overlaps; else crosses says unknown and nothing is counted. PrivateLink endpoints and calls without a front door are not seen."""
-- action = """
-- Put the load balancer behind a Lattice service (it can be the target) and move callers by changing the alias record. What a
-- path costs is in path_costs."""
-- says = "{share:.1%} of {counted:,.0f} calls across a VPC or account go over Lattice or a resource configuration"
-- unit = "requests"
-- sources = ["lattice_access", "alb_access"]
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- followed_from = { type = "double", default = 0.95, about = "share from which the practice is followed" }
-- partly_from = { type = "double", default = 0.5, about = "share from which it is partly followed" }
-- [columns]
-- subject = { type = "varchar", about = "account/VPC -> account/VPC" }
-- reason = { type = "varchar", about = "alb_over_routing; NULL when it follows or crosses nothing" }
-- followed = { type = "double", about = "requests over Lattice or a resource configuration" }
-- counted = { type = "double", about = "requests that cross a VPC or account; 0 where none does" }
-- share = { type = "double", about = "followed / counted; NULL where none crosses" }
-- verdict = { type = "varchar", about = "followed, not followed, or not seen in these logs; NULL where nothing crosses" }
-- finding = { type = "varchar", about = "what does not follow, in words" }
-- path = { type = "varchar", about = "lattice, alb or resource" }
-- crosses = { type = "varchar", about = "account, vpc, nothing or unknown" }
-- requests = { type = "bigint", about = "requests (resource: connections)" }
-- caller_account = { type = "varchar", about = "account of the caller", wide = true }
-- caller_vpc = { type = "varchar", about = "VPC of the caller", wide = true }
-- callee_account = { type = "varchar", about = "account of the callee", wide = true }
-- callee_vpc = { type = "varchar", about = "VPC of the callee", wide = true }
-- edges = { type = "varchar[]", about = "caller -> callee, most requests first, at most 10" }
-- ---
with made as (
    select
        c.front_door as path,
        c.caller,
        c.callee,
        c.caller_account,
        c.vpc as caller_vpc,
        coalesce(account_of(case when c.front_door = 'lattice' then c.service end), account_of(c.target_group)) as callee_account,
        v.vpc as callee_vpc,
        sum(c.requests) as requests
    from window_calls($since, $until) as c
    left join called_vpcs($since, $until) as v
        on c.service = v.service
    group by all
    union all
    select
        'resource',
        r.caller,
        r.callee,
        account_of(r.caller_vpc_arn),
        split_part(r.caller_vpc_arn, '/', -1),
        account_of(r.resource_configuration),
        v.vpc,
        count(*)
    from resource_connections as r
    left join address_vpcs as v
        on r.resource_ip = v.ip
        and hour_of(r.time) = v.hour
    where r.time >= $since
        and r.time < $until
    group by all
),

crossing as (
    select
        m.*,
        case
            when m.caller_account <> m.callee_account then 'account'
            when m.caller_vpc <> m.callee_vpc then 'vpc'
            when m.caller_vpc = m.callee_vpc then 'nothing'
            else 'unknown'
        end as crosses
    from made as m
),

cells as (
    select
        path,
        crosses,
        caller_account,
        caller_vpc,
        callee_account,
        callee_vpc,
        sum(requests) as requests,
        list(caller || ' -> ' || callee order by requests desc, caller, callee) as edges
    from (
        select
            path,
            crosses,
            caller_account,
            caller_vpc,
            callee_account,
            callee_vpc,
            caller,
            callee,
            sum(requests) as requests
        from crossing
        group by all
    )
    group by path, crosses, caller_account, caller_vpc, callee_account, callee_vpc
),

judged as (
    select
        *,
        crosses in ('account', 'vpc') as is_counted,
        case when crosses in ('account', 'vpc') then requests else 0 end as n,
        case when crosses in ('account', 'vpc') and path <> 'alb' then requests else 0 end as good
    from cells
    where requests > 0
)

select
    coalesce(j.caller_account || '/', '') || coalesce(j.caller_vpc, 'unknown VPC') || ' -> ' || coalesce(j.callee_account || '/', '')
        || coalesce(j.callee_vpc, 'unknown VPC') as subject,
    case when j.is_counted and j.path = 'alb' then 'alb_over_routing' end as reason,
    j.good::double as followed,
    j.n::double as counted,
    j.good / nullif(j.n, 0) as share,
    case when j.crosses <> 'nothing' then practice_verdict(j.good, j.n, $followed_from, $partly_from) end as verdict,
    case when j.is_counted and j.path = 'alb' then counted_text(j.requests) || ' requests over a load balancer and routing: '
        || array_to_string(j.edges[:2], ', ') || case when len(j.edges) > 2 then ' and ' || (len(j.edges) - 2) || ' more' else '' end
    end as finding,
    j.path,
    j.crosses,
    j.requests::bigint as requests,
    j.caller_account,
    j.caller_vpc,
    j.callee_account,
    j.callee_vpc,
    j.edges[:10] as edges
from judged as j
order by j.n - j.good desc, j.n desc, j.requests desc, subject, j.path
