"""Numbers and times as a person reads them in a narrow column."""

from __future__ import annotations

from datetime import UTC, datetime


def usd(value: float | None, *, signed: bool = False) -> str:
    """Return money with two decimals and thousands separators, a dash for None."""
    if value is None:
        return "–"
    shown = f"{value:+,.2f}" if signed else f"{value:,.2f}"
    return "0.00" if shown in ("-0.00", "+0.00") else shown.replace("-", "−")


def price(value: float | None) -> str:
    """Return a price with two to four decimals, a dash for None."""
    if value is None:
        return "–"
    whole, _, part = f"{value:.4f}".partition(".")
    return f"{whole}.{part[:2]}{part[2:].rstrip('0')}"


def shares(value: float) -> str:
    """Return a number of shares, with decimals only where it has some."""
    return f"{value:z,.2f}".rstrip("0").rstrip(".")


def compact(value: float) -> str:
    """Return a number of shares in few cells: whole from a hundred on."""
    return shares(round(value) if abs(value) >= 100 else value)


def plain(number: str) -> str:
    """Return decimal text without trailing zeros; anything else unchanged."""
    return number.rstrip("0").rstrip(".") if "." in number else number


def cut(number: str) -> str:
    """Return decimal text with at most two decimals, never rounded up: what is all but filled is not filled."""
    whole, point, part = number.partition(".")
    return plain(f"{whole}.{part[:2]}") if point else number


def plain_price(number: str) -> str:
    """Return decimal text with at least two decimals and no trailing zeros after them."""
    whole, point, part = number.partition(".")
    return f"{whole}.{part.rstrip('0').ljust(2, '0')}" if point else number


def clock(at_ms: int) -> str:
    """Return the time of day, UTC, blank when there is none."""
    try:
        return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%H:%M:%S") if at_ms else ""
    except (OverflowError, ValueError, OSError):
        return ""
