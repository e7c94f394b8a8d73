-- Minutes and hours of each series. Under the community licence the server keeps them; elsewhere the writer does, in
-- the transaction of the observations, and only for those that were new.

-- only: plain, apache
create table metrics_1m (
    series_id integer not null,
    ts_ns bigint not null,
    observed bigint not null,
    minimum double precision not null,
    maximum double precision not null,
    total double precision not null,
    last double precision not null,
    last_ns bigint not null,
    primary key (series_id, ts_ns)
) with (fillfactor = 70);
create table metrics_1h (like metrics_1m including all) with (fillfactor = 70);

insert into metrics_1m
select series_id, ts_ns / 60000000000 * 60000000000, count(*), min(value), max(value), sum(value),
       (array_agg(value order by ts_ns desc))[1], max(ts_ns)
from metrics group by 1, 2;

insert into metrics_1h
select series_id, ts_ns / 3600000000000 * 3600000000000, sum(observed), min(minimum), max(maximum), sum(total),
       (array_agg(last order by last_ns desc))[1], max(last_ns)
from metrics_1m group by 1, 2;

-- only: community
create materialized view metrics_1m with (timescaledb.continuous, timescaledb.materialized_only = false) as
select series_id, time_bucket(60000000000::bigint, ts_ns) as ts_ns, count(*) as observed, min(value) as minimum,
       max(value) as maximum, sum(value) as total, last(value, ts_ns) as last, max(ts_ns) as last_ns
from metrics group by 1, 2 with no data;

create materialized view metrics_1h with (timescaledb.continuous, timescaledb.materialized_only = false) as
select series_id, time_bucket(3600000000000::bigint, ts_ns) as ts_ns, count(*) as observed, min(value) as minimum,
       max(value) as maximum, sum(value) as total, last(value, ts_ns) as last, max(ts_ns) as last_ns
from metrics group by 1, 2 with no data;
-- all
