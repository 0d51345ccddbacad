-- Display name of a service's node, by the service's id.
select
    s.service,
    s.node,
    n.name
from services as s
inner join nodes as n
    on s.node = n.node
