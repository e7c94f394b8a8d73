-- only: plain, apache
drop function agbot_retain;
drop table agbot_retention;
-- only: community
select remove_retention_policy('metrics_1m');
select remove_retention_policy('metrics');
select remove_continuous_aggregate_policy('metrics_1h');
select remove_continuous_aggregate_policy('metrics_1m');
select remove_compression_policy('metrics');
select decompress_chunk(c, true) from show_chunks('metrics') c;
alter table metrics set (timescaledb.compress = false);
-- all
