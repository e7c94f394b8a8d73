"""The trading core: a pure function from events to commands. No clock, no dice, no I/O."""
