"""Applies the faults that are switched on: to requests, replies, frames, connections."""
