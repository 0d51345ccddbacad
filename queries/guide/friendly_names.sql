-- ---
-- title = "Call friendly names"
-- question = "Who calls a service by a load balancer's or Lattice's own DNS name, or by an address?"
-- place = 1
-- practice = """
-- Front every load balancer and Lattice service with a name of your own (a Route 53 alias record). Callers never use a bare
-- load-balancer name, a name that Lattice made, or a hard-coded address: each binds the caller to one implementation."""
-- reference = "https://aws.github.io/aws-networking-best-practices/application-networking/service-to-service/#service-discovery-and-addressing"
-- about = """
-- Requests by the Host header they carried, per caller and callee. A name of the owner's (with or without dots) follows, unless
-- the TLS handshake asked for another name (SNI) than the request (Host)."""
-- blind = """
-- A Host header is kept only of requests that reached a target, because anybody can write one; refused requests are not
-- counted. Neither are calls that pass no front door, nor which DNS record stands behind a name: a name of your own that is
-- no alias looks the same."""
-- action = """
-- Give the service an alias record in a private hosted zone and change the caller when you touch it next. For a Host that
-- differs from SNI, look at the caller's proxy or at a client that overrides the header."""
-- says = "{share:.1%} of {counted:,.0f} requests use a name of your own"
-- unit = "requests"
-- sources = ["lattice_access", "alb_access"]
-- [params]
-- since = { type = "timestamptz", about = "start of the window" }
-- until = { type = "timestamptz", about = "end of the window, exclusive" }
-- followed_from = { type = "double", default = 0.99, about = "share from which the practice is followed" }
-- partly_from = { type = "double", default = 0.8, about = "share from which it is partly followed" }
-- [columns]
-- subject = { type = "varchar", about = "caller -> callee" }
-- reason = { type = "varchar", about = "load_balancer_name, lattice_name, aws_name, ip_address, or sni_differs; NULL when all follow" }
-- followed = { type = "double", about = "requests by a name of the owner's" }
-- counted = { type = "double", about = "requests whose Host header the logs keep" }
-- share = { type = "double", about = "followed / counted, 0 to 1" }
-- verdict = { type = "varchar", about = "followed, partly or not followed" }
-- finding = { type = "varchar", about = "what does not follow, in words; NULL when all do" }
-- host = { type = "varchar", about = "the name most used against the practice" }
-- by_load_balancer_name = { type = "bigint", about = "requests to *.elb.amazonaws.com", wide = true }
-- by_lattice_name = { type = "bigint", about = "requests to *.on.aws", wide = true }
-- by_aws_name = { type = "bigint", about = "requests to other *.amazonaws.com names", wide = true }
-- by_address = { type = "bigint", about = "requests to an IP address", wide = true }
-- sni_differs = { type = "bigint", about = "requests by a name of the owner's whose SNI is another name", wide = true }
-- caller_principal = { type = "varchar", about = "role or user ARN, when it is one", wide = true }
-- ---
with named as (
    select
        c.caller,
        c.callee,
        c.host,
        addressing_style(c.host) as style,
        case when count(distinct c.caller_principal) = 1 then max(c.caller_principal) end as caller_principal,
        sum(c.requests) as requests
    from window_calls($since, $until) as c
    where c.host <> 'other'
    group by c.caller, c.callee, c.host
),

-- The rollup has no SNI: raw lines, but only those that differ. A name is the same in whatever letters; host is in small ones.
differing as (
    select
        r.caller,
        r.callee,
        count(*) as requests
    from edge_requests as r
    where r.time >= $since
        and r.time < $until
        and lower(r.sni) <> r.host
        and addressing_style(r.host) = 'own_name'
        and (r.target_ip is not null or r.target_status is not null)
    group by r.caller, r.callee
),

edges as (
    select
        n.caller,
        n.callee,
        sum(n.requests) as requests,
        coalesce(sum(n.requests) filter (n.style = 'own_name'), 0) as own,
        coalesce(sum(n.requests) filter (n.style = 'load_balancer_name'), 0) as by_load_balancer_name,
        coalesce(sum(n.requests) filter (n.style = 'lattice_name'), 0) as by_lattice_name,
        coalesce(sum(n.requests) filter (n.style = 'aws_name'), 0) as by_aws_name,
        coalesce(sum(n.requests) filter (n.style = 'ip_address'), 0) as by_address,
        arg_max(n.style, (n.requests, n.host)) filter (n.style <> 'own_name') as style,
        arg_max(n.host, (n.requests, n.host)) filter (n.style <> 'own_name') as host,
        max(n.caller_principal) as caller_principal
    from named as n
    group by n.caller, n.callee
),

judged as (
    select
        e.*,
        e.own - least(coalesce(d.requests, 0), e.own) as by_own_name,
        coalesce(d.requests, 0) as sni_differs
    from edges as e
    left join differing as d
        on e.caller = d.caller
        and e.callee = d.callee
)

select
    j.caller || ' -> ' || j.callee as subject,
    coalesce(j.style, case when j.sni_differs > 0 then 'sni_differs' end) as reason,
    j.by_own_name::double as followed,
    j.requests::double as counted,
    j.by_own_name / j.requests as share,
    practice_verdict(j.by_own_name, j.requests, $followed_from, $partly_from) as verdict,
    case
        when j.style is not null
            then counted_text(j.requests - j.own) || ' of ' || counted_text(j.requests) || ' requests to ' || j.host
        when j.sni_differs > 0
            then counted_text(j.sni_differs) || ' of ' || counted_text(j.requests) || ' requests with a Host other than their SNI'
    end as finding,
    j.host,
    j.by_load_balancer_name::bigint as by_load_balancer_name,
    j.by_lattice_name::bigint as by_lattice_name,
    j.by_aws_name::bigint as by_aws_name,
    j.by_address::bigint as by_address,
    j.sni_differs::bigint as sni_differs,
    j.caller_principal
from judged as j
where j.requests > 0
order by j.requests - j.by_own_name desc, j.requests desc, subject
