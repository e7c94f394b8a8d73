"""Metrics and events: the protocol, the registry that collects, the client that pushes."""
