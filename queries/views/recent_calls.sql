-- hourly_calls of the hours of which no day is kept: what daily_calls does not have.
select *
from hourly_calls
where hour < kept_from()
    or hour >= kept_until()
