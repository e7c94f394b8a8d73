"""Strategies: pure objects that see a `View` of one market and answer with intents."""
