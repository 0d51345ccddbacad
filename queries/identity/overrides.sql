-- What names.toml says of a service, role, user or certificate: the first entry that fits, by ARN or by host. Everything
-- with one given name is one node.
with known as (
    select
        service as id,
        host
    from lattice_hosts
    union
    select
        service,
        host
    from alb_target_groups
    union
    select
        elb,
        null
    from alb_target_groups
    union
    select distinct
        id,
        null
    from daily_endpoints
    where side = 'source'
        or contains(id, ':service/svc-')
)

select
    k.id,
    'names.toml#' || arg_min(g.name, g.place) as node,
    arg_min(g.name, g.place) as name,
    'named in names.toml: ' || arg_min(g.kind || ' = ' || g.pattern, g.place) as reason
from known as k
inner join given_names as g
    on case
        when g.kind = 'arn' then k.id glob g.pattern
        when g.kind = 'host' then k.host glob g.pattern
    end
group by k.id
