"""Colours of the theme as styles for text; a theme may name the terminal's own colours."""

from __future__ import annotations

from typing import Any

from textual.app import App
from textual.color import Color


def ink(app: App[Any], name: str) -> str:
    """Return the theme's colour of this name, as a style."""
    return Color.parse(app.theme_variables[name]).rich_color.name
