"""The paper venue: real or simulated books, nobody else's money."""

from agbot.venue.paper.adapter import PaperVenue

__all__ = ["PaperVenue"]
