"""Nouns: markets, orders, what happened (events) and what is asked (commands)."""
