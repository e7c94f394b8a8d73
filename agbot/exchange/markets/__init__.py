"""Where markets come from: a seed, files, recordings."""
