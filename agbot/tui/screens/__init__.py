"""What lies over the dashboard: the key help and the kill switch's question."""
