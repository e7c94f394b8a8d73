-- For people and for Grafana: times as times, money as decimals.
create view metrics_by_name as
select to_timestamp(m.ts_ns / 1e9) as at, s.name, s.labels, m.value
from metrics m join metric_series s using (series_id);

create view orders_in_usd as
select to_timestamp(created_ns / 1e9) as created, to_timestamp(updated_ns / 1e9) as updated, client_order_id, run_id, mode,
       venue, strategy, market, token, outcome, side, price * 0.000001 as price,
       size * 0.000001 as size, filled * 0.000001 as filled, state, reason, why
from orders;

create view fills_in_usd as
select to_timestamp(ts_ns / 1e9) as at, venue, trade_id, client_order_id, run_id, mode, strategy, market, token, outcome,
       side, price * 0.000001 as price, size * 0.000001 as size,
       fee * 0.000001 as fee, liquidity, settlement
from fills;
