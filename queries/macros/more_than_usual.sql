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
