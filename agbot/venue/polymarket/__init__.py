"""Polymarket: its wire format, and later its sessions, signing and orders."""
