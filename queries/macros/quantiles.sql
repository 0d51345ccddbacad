-- Milliseconds as whole microseconds: no log measures less, and quantiles of whole numbers take a quarter less time. What 64
-- bits do not hold, which a log may say, is the longest or shortest that they do.
create or replace temp macro whole_us(ms) as
case
    when ms between -9.2e15 and 9.2e15 then (ms * 1000)::bigint
    when ms > 0 then 9200000000000000000
    when ms < 0 then -9200000000000000000
end;

-- Microseconds as milliseconds. A quantile may lie between two of them, which no log measures.
create or replace temp macro ms_of(us) as
round(us) / 1000;

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
    -- As a double: a decimal times a count of 64 bits is computed in 128, which takes four times as long.
    [list_reduce(
        list_sort(list({'bucket': bucket, 'n': n::bigint, 'last': bucket, 'before': 0::bigint})),
        lambda seen, next: case
            when next.n = 0 or seen.n > ceil(q::double * (sum(n)::bigint - 1))::bigint then seen
            else {'bucket': next.bucket, 'n': seen.n + next.n, 'last': seen.bucket, 'before': seen.n}
        end
    )],
    lambda found: bucket_ms(found.bucket) - case
        when found.before = ceil(q::double * (sum(n)::bigint - 1))::bigint
            then (ceil(q::double * (sum(n)::bigint - 1))::bigint - q::double * (sum(n)::bigint - 1)) * (bucket_ms(found.bucket) - bucket_ms(found.last))
        else 0
    end
)[1];

create or replace temp macro p50(bucket, n) as bucket_quantile(bucket, n, 0.5);

create or replace temp macro p90(bucket, n) as bucket_quantile(bucket, n, 0.9);

create or replace temp macro p99(bucket, n) as bucket_quantile(bucket, n, 0.99);
