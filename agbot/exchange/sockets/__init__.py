"""Every WebSocket of the exchange, and the bounded queues behind them."""
