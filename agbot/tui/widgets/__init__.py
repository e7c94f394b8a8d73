"""One widget a file; each is shown a `Dashboard` and keeps nothing of its own."""
