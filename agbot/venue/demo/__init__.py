"""Simulated markets for the demo: seeded, alive, and labelled as what they are."""

from agbot.venue.demo.feed import DemoFeed
from agbot.venue.demo.markets import demo_markets
from agbot.venue.demo.simulation import DemoSimulation

__all__ = ["DemoFeed", "DemoSimulation", "demo_markets"]
