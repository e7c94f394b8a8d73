"""The history that needs no server: see `agbot.store.embedded.store`."""

from agbot.store.embedded.store import EmbeddedStore, HistoryReader, series_between, step_for

__all__ = ["EmbeddedStore", "HistoryReader", "series_between", "step_for"]
