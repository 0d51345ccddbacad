-- The ledger's objects of the window, with what their names tell: who delivers them, account and region.
create temp table deliveries as
select
    *,
    coalesce(
        nullif(regexp_extract(log_object, '([0-9]{12})_[A-Za-z]+_[a-z0-9-]+_[^/]*$', 1), ''),
        nullif(regexp_extract(log_object, '/AWSLogs/(?:o-[a-z0-9]+/)?(?:aws-account-id=)?([0-9]{12})/', 1), '')
    ) as account,
    nullif(regexp_extract(log_object, '[0-9]{12}_[A-Za-z]+_([a-z]{2,}(?:-[a-z]+)+-[0-9]+)_[^/]*$', 1), '') as region,
    nullif(regexp_extract(log_object, '([^/]*)_[0-9]{8}T[0-9]{4}Z[^/]*$', 1), '') as source
from objects
where ingested_at >= $since
