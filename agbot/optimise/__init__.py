"""Searching for parameters without fooling oneself: every trial is counted, and the best one is never shown bare."""
