drop view fills_in_usd;
drop view orders_in_usd;
drop view metrics_by_name;
