"""The deterministic event loop in virtual time."""
