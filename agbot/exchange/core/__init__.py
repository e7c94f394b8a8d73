"""The exchange without its wires: orders, trading, settlement, money. Pure: time is an argument."""
