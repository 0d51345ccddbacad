-- Quantiles of call_hours, as aggregates over (bucket, requests): the middle of the bucket in which the quantile lies,
-- so within 5 % of the exact value (buckets are 10 % wide).
create or replace temp macro bucket_ms(bucket) as
case
    when bucket = -1 then 0.0
    else power(1.1, bucket + 0.5)
end;

create or replace temp macro bucket_quantile(bucket, n, q) as
bucket_ms(
    list_reduce(
        list_sort(list({'bucket': bucket, 'n': n::hugeint})),
        lambda seen, next: case
            when seen.n >= q * sum(n) then seen
            else {'bucket': next.bucket, 'n': seen.n + next.n}
        end
    ).bucket
);

create or replace temp macro p50(bucket, n) as bucket_quantile(bucket, n, 0.5);

create or replace temp macro p90(bucket, n) as bucket_quantile(bucket, n, 0.9);

create or replace temp macro p99(bucket, n) as bucket_quantile(bucket, n, 0.99);
