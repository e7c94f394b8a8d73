"""The trio shells: the nursery tree and its tasks."""
