"""What an operator can do to a running exchange, over a Unix socket."""
