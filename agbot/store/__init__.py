"""Journal and history; embedded by default."""
