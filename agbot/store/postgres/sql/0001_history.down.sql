drop table positions;
drop table fills;
drop table orders;
drop table metrics;
drop table metric_series;
-- only: plain
drop function agbot_partition;
-- all
drop function agbot_now_ns;
