insert into guarded
select distinct
    $table,
    key
from carried
