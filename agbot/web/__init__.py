"""HTTP and WebSocket on trio, both ends; knows nothing of trading."""
