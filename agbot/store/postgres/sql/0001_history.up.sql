-- Times are nanoseconds UTC; prices, sizes and money are integers of 10^-6. What stands after "-- only:" is for those
-- servers (plain PostgreSQL, Timescale under the Apache or the community licence), up to "-- all".

create table metric_series (
    series_id integer generated always as identity primary key,
    name text not null,
    labels jsonb not null
);
create unique index metric_series_key on metric_series (name, md5(labels::text));

create table metrics (
    series_id integer not null,
    ts_ns bigint not null,
    value double precision not null,
    primary key (series_id, ts_ns)
)
-- only: plain
partition by range (ts_ns)
-- all
;

create table orders (
    client_order_id text primary key,
    run_id text not null,
    mode text not null,
    venue text not null,
    strategy text not null,
    market text not null,
    token text not null,
    outcome text not null,
    side text not null,
    price bigint not null,
    size bigint not null,
    filled bigint not null,
    state text not null,
    reason text not null,
    why text not null,
    created_ns bigint not null,
    updated_ns bigint not null
);
create index orders_created on orders (created_ns desc);

-- A fill is one by venue, trade_id and client_order_id, which the writer sees to: a hypertable and a partitioned table
-- can have no key without the time.
create table fills (
    venue text not null,
    trade_id text not null,
    client_order_id text not null,
    run_id text not null,
    mode text not null,
    strategy text not null,
    market text not null,
    token text not null,
    outcome text not null,
    side text not null,
    price bigint not null,
    size bigint not null,
    fee bigint not null,
    liquidity text not null,
    settlement text not null,
    ts_ns bigint not null,
    primary key (venue, trade_id, client_order_id, ts_ns)
)
-- only: plain
partition by range (ts_ns)
-- all
;
create index fills_time on fills (ts_ns desc);

create table positions (
    ts_ns bigint not null,
    run_id text not null,
    mode text not null,
    strategy text not null,
    market text not null,
    token text not null,
    outcome text not null,
    size bigint not null,
    cost bigint not null,
    realised bigint not null,
    primary key (run_id, strategy, token, ts_ns)
)
-- only: plain
partition by range (ts_ns)
-- all
;

create function agbot_now_ns() returns bigint language sql stable as $$
    select (extract(epoch from now()) * 1000000000)::bigint
$$;

-- only: plain
-- Attached, not created in place: that would lock out who reads and writes.
create function agbot_partition(parent text, number bigint, width bigint) returns void language plpgsql as $$
declare
    part text := format('%s_p%s', parent, number);
begin
    if to_regclass(part) is not null then
        return;
    end if;
    perform pg_advisory_xact_lock(4711093501);
    if to_regclass(part) is null then
        execute format('create table %I (like %I including all)', part, parent);
        execute format('alter table %I attach partition %I for values from (%s) to (%s)',
                       parent, part, number * width, (number + 1) * width);
    end if;
end $$;

-- only: apache, community
select create_hypertable('metrics', 'ts_ns', chunk_time_interval => 86400000000000, create_default_indexes => false);
select create_hypertable('fills', 'ts_ns', chunk_time_interval => 2592000000000000, create_default_indexes => false);
select create_hypertable('positions', 'ts_ns', chunk_time_interval => 2592000000000000, create_default_indexes => false);
-- only: community
select set_integer_now_func('metrics', 'agbot_now_ns');
-- all
