-- Who delivers an object: its file's name up to the time in it, which AWS makes of account, kind of log, region and
-- resource (flow log, service network or service, load balancer). NULL where a name is not AWS's.
create or replace temp macro delivery_source(log_object) as
nullif(regexp_extract(split_part(log_object, '/', -1), '^([^/]*)_[0-9]{8}T[0-9]{4}Z', 1), '');

-- The five minutes that an object is about: those of its newest row. All three AWS services write an object every five
-- minutes and resource (a busy one several), and none when nothing happened.
create or replace temp macro delivery_slot(max_time) as
time_bucket(interval 5 minutes, max_time);
