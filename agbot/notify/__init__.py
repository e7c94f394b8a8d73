"""Telling people: what is worth a message, when it may be sent, and how. Trading never waits for it."""
