-- Every way in which an object's rows are not what the ledger says. Days that expired may lack rows, never have more.
-- An object with lines of several formats may lack those of the table that expired first.
with expired_of_format as (
    select
        f.format,
        max(e.before) as before
    from (select distinct format from ledger) as f
    inner join expired as e
        on list_contains(string_split(f.format, '+'), e."table")
    group by f.format
),

sources as (
    select
        log_object,
        sum(rows) as rows,
        string_agg(distinct "table", ', ' order by "table") as tables
    from held
    where "table" <> 'rejects'
    group by log_object
),

rejected as (
    select
        log_object,
        sum(rows) as rows
    from held
    where "table" = 'rejects'
    group by log_object
),

judged as (
    select
        l.*,
        coalesce(s.rows, 0) as found_rows,
        coalesce(r.rows, 0) as found_rejects,
        coalesce(l.first_day < coalesce(e.before, any_source.before), false) as rows_expired,
        coalesce(l.named_day < rejects_expired.before, false) as rejects_expired
    from ledger as l
    left join sources as s
        on l.log_object = s.log_object
    left join rejected as r
        on l.log_object = r.log_object
    left join expired_of_format as e
        on l.format = e.format
    left join (select max(before) as before from expired where "table" not in ('rejects', 'objects')) as any_source
        on l.format is null
    left join expired as rejects_expired
        on rejects_expired."table" = 'rejects'
),

strangers as (
    select
        h.log_object,
        sum(h.rows) as rows,
        string_agg(distinct h."table", ', ' order by h."table") as tables
    from held as h
    where not exists (select 1 from ledger as l where l.log_object = h.log_object)
    group by h.log_object
),

-- Guards name an object by a hash of its URI (`unit.key_of`); rewrites and rebuilds of whole tables carry words. What is
-- guarded in the ledger itself is claimed: somebody began to replace it.
unfinished as (
    select
        g.key,
        any_value(coalesce(s.log_object, l.log_object)) as log_object,
        any_value(s.rows) as rows,
        string_agg(g."table", ', ' order by g."table") as tables
    from guarded as g
    left join strangers as s
        on left(sha256(s.log_object), 32) = g.key
    left join ledger as l
        on left(sha256(l.log_object), 32) = g.key
    where regexp_full_match(g.key, '[0-9a-f]{32}')
        and (l.log_object is null or g.key in (select c.key from guarded as c where c."table" = 'objects'))
    group by g.key
),

differences as (
    select
        'ledger_repeats' as kind,
        'objects' as "table",
        log_object,
        1 as expected,
        entries as found,
        'rows of the ledger for one object' as detail
    from judged
    where entries > 1
    union all
    select
        'ledger_sum',
        'objects',
        log_object,
        records,
        rows + rejects + dropped,
        'records = rows + rejects + dropped does not hold'
    from judged
    where records <> rows + rejects + dropped
    union all
    select
        'rows',
        coalesce(format, ''),
        log_object,
        rows,
        found_rows,
        'rows of the object'
    from judged
    where found_rows > rows
        or (found_rows < rows and not rows_expired)
    union all
    select
        'rejects',
        'rejects',
        log_object,
        rejects,
        found_rejects,
        'rejects of the object'
    from judged
    where found_rejects > rejects
        or (found_rejects < rejects and not rejects_expired)
    union all
    select
        'repeated_lines',
        "table",
        log_object,
        0,
        sum(repeated),
        'rows that repeat a line of the object'
    from held
    group by "table", log_object
    having sum(repeated) > 0
    union all
    select
        'not_in_ledger',
        s.tables,
        s.log_object,
        0,
        s.rows,
        'rows of an object that neither ledger nor guards know'
    from strangers as s
    where not exists (select 1 from unfinished as u where u.log_object = s.log_object)
        -- Where the ledger itself expired, it cannot tell.
        and not exists (select 1 from expired as e where e."table" = 'objects')
    union all
    select
        'unfinished',
        u.tables,
        u.log_object,
        0,
        coalesce(u.rows, 0),
        'committed to these tables but not, or not in this version, to the ledger (guard ' || u.key
            || '): an ingest is under way, or was killed; run it again'
    from unfinished as u
    where not exists (select 1 from expired as e where e."table" = 'objects')
)

select
    kind,
    "table",
    log_object,
    null::date as day,
    expected::bigint as expected,
    found::bigint as found,
    detail
from differences
order by kind, "table", log_object
