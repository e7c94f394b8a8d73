"""One matching core with queue position, fees and latency; serves paper, backtest and exchange."""
