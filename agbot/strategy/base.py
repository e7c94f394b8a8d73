"""The strategy contract, under the name its authors look for."""

from agbot.core.view import BookView, Cancel, Intent, OwnDenial, OwnEnd, OwnFill, OwnOrder, Place, Strategy, View

__all__ = ["BookView", "Cancel", "Intent", "OwnDenial", "OwnEnd", "OwnFill", "OwnOrder", "Place", "Strategy", "View"]
