insert into guarded
select distinct
    $table,
    uri
from carried
