-- ---
-- title = "Since when it fails"
-- question = "When did the present run of failures begin, and when did a request last succeed?"
-- about = """
-- Minutes from the rollup, so for as long back as the session knows. A run of failing minutes ends where more than ten
-- minutes pass without one while requests succeed."""
-- [params]
-- until = { type = "timestamptz", about = "end of the window" }
-- caller = { type = "varchar", about = "caller's display name" }
-- callee = { type = "varchar", about = "callee's display name" }
-- [columns]
-- kind = { type = "varchar", about = "denied, failed or client_error" }
-- since = { type = "timestamp with time zone", about = "first minute of the run that ends the window" }
-- last_ok = { type = "timestamp with time zone", about = "last minute with a success" }
-- known_since = { type = "timestamp with time zone", about = "first minute with a call of any kind" }
-- ---
with own as (
    select
        minute,
        sum(ok) as ok,
        sum(denied) as denied,
        sum(server_errors + no_response) as failed,
        sum(client_errors) as client_errors
    from calls
    where callee = $callee
        and minute < $until
        and (
            caller = $caller
            -- Unsigned calls from its addresses.
            or (
                caller_principal is null
                and caller in (select key_name(p.vpc || '/' || p.ip) from places as p where p.vpc is not null)
            )
        )
    group by minute
),

failing as (
    select
        minute,
        unnest(['denied', 'failed', 'client_error']) as kind,
        unnest([denied, failed, client_errors]) as requests
    from own
),

marked as (
    select
        f.kind,
        f.minute,
        f.minute - lag(f.minute) over (partition by f.kind order by f.minute) > interval 10 minutes
        and exists (
            select 1
            from own as o
            where o.ok > 0
                and o.minute < f.minute
                and o.minute > f.minute - interval 10 minutes
        ) as starts
    from failing as f
    where f.requests > 0
)

select
    m.kind,
    coalesce(max(m.minute) filter (m.starts), min(m.minute)) as since,
    (select max(o.minute) from own as o where o.ok > 0) as last_ok,
    (select min(o.minute) from own as o) as known_since
from marked as m
group by m.kind
union all
select
    'ok',
    null,
    max(o.minute) filter (o.ok > 0),
    min(o.minute)
from own as o
order by 1
