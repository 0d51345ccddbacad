-- ---
-- title = "The callee's front doors"
-- question = "Which logs would show a request to the callee?"
-- [params]
-- callee = { type = "varchar", about = "callee's display name" }
-- [columns]
-- front_door = { type = "varchar", about = "lattice or alb" }
-- ---
select distinct
    s.front_door
from services as s
inner join nodes as n
    on s.node = n.node
where n.name = $callee
order by s.front_door
