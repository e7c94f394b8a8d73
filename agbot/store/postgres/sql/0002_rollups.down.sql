-- only: plain, apache
drop table metrics_1h;
drop table metrics_1m;
-- only: community
drop materialized view metrics_1h;
drop materialized view metrics_1m;
-- all
