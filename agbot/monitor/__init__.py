"""The monitor process: collects metrics, serves page, sockets and health."""
