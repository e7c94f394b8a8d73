"""Shipped doubles: builders, pure-Python twins, the venue conformance suite."""
