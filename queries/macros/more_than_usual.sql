-- Of n requests now, how many are bad beyond the share that was bad before; 0 where three standard errors of the two
-- counts would explain as much. Without a before, all bad ones are. One imagined bad and good request before keep a share
-- of nothing from having no error.
create or replace temp macro more_than_usual(bad, n, bad_before, n_before) as
case
    when coalesce(n_before, 0) <= 0 then bad::double
    when bad - n * bad_before / n_before <= 3 * sqrt(
        n * (1 + n / n_before) * (bad_before + 1) / (n_before + 2) * (1 - (bad_before + 1) / (n_before + 2))
    ) then 0.0
    else bad - n * bad_before / n_before
end;

-- Ends of Wilson's interval of a share of n, and whether the lower end of Newcombe's interval of the difference of two shares,
-- failed / n - other_failed / other_n, is above 0.
create or replace temp macro wilson_low(p, n, z) as
(p + z * z / (2 * n) - z * sqrt((p * (1 - p) + z * z / (4 * n)) / n)) / (1 + z * z / n);

create or replace temp macro wilson_high(p, n, z) as
(p + z * z / (2 * n) + z * sqrt((p * (1 - p) + z * z / (4 * n)) / n)) / (1 + z * z / n);

create or replace temp macro failed_more(failed, n, other_failed, other_n, z) as
failed / n - other_failed / other_n > sqrt(
    power(failed / n - wilson_low(failed / n, n, z), 2)
    + power(wilson_high(other_failed / other_n, other_n, z) - other_failed / other_n, 2)
);
