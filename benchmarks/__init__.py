"""Measured promises: `python -m benchmarks` prints them beside their peers as one JSON table."""
