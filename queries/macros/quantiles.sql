-- Quantiles of call_hours, as aggregates over (bucket, requests): what quantile_cont would say of as many values in the middle
-- of their buckets, so within 5 % of the exact value (buckets are 10 % wide).
create or replace temp macro bucket_ms(bucket) as
case
    when bucket = -1 then 0.0
    else power(1.1, bucket + 0.5)
end;

-- A quantile lies at q * (n - 1), counted from 0, and between two values in proportion. found: the first bucket that reaches
-- as far as the later of the two; the earlier one may be the last of the bucket before it.
create or replace temp macro bucket_quantile(bucket, n, q) as
list_transform(
    [list_reduce(
        list_sort(list({'bucket': bucket, 'n': n::hugeint, 'last': bucket, 'before': 0::hugeint})),
        lambda seen, next: case
            when next.n = 0 or seen.n > ceil(q * (sum(n) - 1)) then seen
            else {'bucket': next.bucket, 'n': seen.n + next.n, 'last': seen.bucket, 'before': seen.n}
        end
    )],
    lambda found: bucket_ms(found.bucket) - case
        when found.before = ceil(q * (sum(n) - 1))
            then (ceil(q * (sum(n) - 1)) - q * (sum(n) - 1)) * (bucket_ms(found.bucket) - bucket_ms(found.last))
        else 0
    end
)[1];

create or replace temp macro p50(bucket, n) as bucket_quantile(bucket, n, 0.5);

create or replace temp macro p90(bucket, n) as bucket_quantile(bucket, n, 0.9);

create or replace temp macro p99(bucket, n) as bucket_quantile(bucket, n, 0.99);
