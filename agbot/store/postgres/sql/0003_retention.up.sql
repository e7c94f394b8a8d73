-- Observations are kept for 30 days, minutes for 365, hours and executions for ever. On plain PostgreSQL and under the
-- Apache licence agbot_retention says so and the writer calls agbot_retain every hour; under the community licence the
-- server's own policies do it, and compress what is older than 7 days.

-- only: plain, apache
create table agbot_retention (relation text primary key, keep_ns bigint not null check (keep_ns > 0));
insert into agbot_retention values ('metrics', 2592000000000000), ('metrics_1m', 31536000000000000);

-- only: plain
create function agbot_retain(now_ns bigint) returns void language plpgsql as $$
declare
    width constant bigint := 86400000000000;
    part record;
begin
    if not pg_try_advisory_xact_lock(4711093502) then
        return;
    end if;
    for part in
        select c.oid::regclass as relation
        from pg_inherits i join pg_class c on c.oid = i.inhrelid, agbot_retention r
        where i.inhparent = 'metrics'::regclass and r.relation = 'metrics'
          and (substring(c.relname from 'metrics_p(\d+)$')::bigint + 1) * width <= now_ns - r.keep_ns
    loop
        execute format('drop table %s', part.relation);
    end loop;
    delete from metrics_1m m using agbot_retention r where r.relation = 'metrics_1m' and m.ts_ns < now_ns - r.keep_ns;
    delete from metrics_1h m using agbot_retention r where r.relation = 'metrics_1h' and m.ts_ns < now_ns - r.keep_ns;
end $$;

-- only: apache
create function agbot_retain(now_ns bigint) returns void language plpgsql as $$
begin
    if not pg_try_advisory_xact_lock(4711093502) then
        return;
    end if;
    perform drop_chunks('metrics', older_than => now_ns - r.keep_ns) from agbot_retention r where r.relation = 'metrics';
    delete from metrics_1m m using agbot_retention r where r.relation = 'metrics_1m' and m.ts_ns < now_ns - r.keep_ns;
    delete from metrics_1h m using agbot_retention r where r.relation = 'metrics_1h' and m.ts_ns < now_ns - r.keep_ns;
end $$;

-- only: community
alter table metrics set (timescaledb.compress, timescaledb.compress_segmentby = 'series_id',
                         timescaledb.compress_orderby = 'ts_ns desc');
select add_compression_policy('metrics', compress_after => 604800000000000);
select add_continuous_aggregate_policy('metrics_1m', start_offset => 2505600000000000, end_offset => 120000000000,
                                       schedule_interval => interval '1 minute');
select add_continuous_aggregate_policy('metrics_1h', start_offset => 2505600000000000, end_offset => 7200000000000,
                                       schedule_interval => interval '1 hour');
-- A refresh reaches back 29 days, so it never looks at observations that are gone and takes them for none.
select add_retention_policy('metrics', drop_after => 2592000000000000);
select add_retention_policy('metrics_1m', drop_after => 31536000000000000);
-- all
