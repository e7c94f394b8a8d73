"""agbot: a trading system for prediction markets on structured concurrency."""

__version__ = "0.1.0"
