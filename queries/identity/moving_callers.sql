-- Addresses that changed hands: the hours in which a key of callers stood for another one than in most hours.
select h.*
from hourly_callers as h
inner join caller_names as c
    on h.service is not distinct from c.service
    and h.caller_key = c.caller_key
    and h.caller <> c.caller
where c.moves
