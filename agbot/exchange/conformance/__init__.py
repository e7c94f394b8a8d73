"""Named checks of a Polymarket-compatible exchange, from the outside: HTTP and WebSockets only.

`catalogue.all_checks` has them in order, `world.open_world` connects to a target, `run.run_checks` asks and `report`
tells.
"""
