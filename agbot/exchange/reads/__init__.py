"""Gamma and the Data API: what can be read of markets and of wallets."""
