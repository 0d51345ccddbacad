-- Display name of a principal's node, by the principal.
select
    p.principal,
    p.node,
    n.name
from principals as p
inner join nodes as n
    on p.node = n.node
