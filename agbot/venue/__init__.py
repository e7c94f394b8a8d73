"""Venues behind two ports; one package per venue."""
