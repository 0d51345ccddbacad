-- Which of a batch's flow records are of what a server sent back, in the order of the rows (DuckDB's default).
select is_reply(tcp_flags, srcport, dstport) as is_reply
from vpc_flow
