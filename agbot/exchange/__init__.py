"""Polymarket in a box: a local exchange that unmodified official clients trade against."""
