"""Money as options give it."""

from __future__ import annotations

from agbot.errors import ConfigError


def usd(text: str, option: str) -> int:
    """Return the positive amount an option gives, in 10⁻⁶ usd; ConfigError AGB-107 naming the option."""
    from agbot.units import to_units  # noqa: PLC0415

    try:
        units = to_units(text)
    except ValueError as e:
        raise ConfigError(str(e), id="AGB-107", key=option, remedy="usd as a plain number, such as 10000") from e
    if units <= 0:
        raise ConfigError(f"{text} is not positive", id="AGB-107", key=option, remedy=f"such as {option} 100")
    return units
