"""Reads what an admin request says, argument by argument; what is wrong with one names it and what to send."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from agbot.errors import ConfigError, NotFoundError
from agbot.exchange.clob.signatures import checked_address
from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import Listing, Refused
from agbot.located.value import shown, suggest
from agbot.units import to_units

T = TypeVar("T")


class Arguments:
    """The arguments of one request."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        self.request = request

    def fault(self, name: str, reason: str, remedy: str = "") -> ConfigError:
        """Return the error that names an argument."""
        return ConfigError(reason, id="AGB-861", key=name, remedy=remedy or f'send "{name}": …')

    def read(self, name: str, reader: Callable[[str, Any], T], *default: T) -> T:
        """Return an argument through `reader`; `default`, if given, when it is absent or null."""
        value = self.request.get(name)
        if value is None:
            if default:
                return default[0]
            raise self.fault(name, "the argument is missing")
        return reader(name, value)

    def text(self, name: str, *default: str) -> str:
        """Return text."""
        return self.read(name, self._text, *default)

    def choice(self, name: str, known: Sequence[str], *default: str) -> str:
        """Return one of `known`."""
        word = self.text(name, *default)
        if word not in known:
            raise self.fault(name, f"'{shown(word)}' is not known here", suggest(word, known))
        return word

    def flag(self, name: str, *default: bool) -> bool:
        """Return true or false."""

        def reader(name: str, value: Any) -> bool:
            if not isinstance(value, bool):
                raise self.fault(name, "expected true or false")
            return value

        return self.read(name, reader, *default)

    def number(self, name: str, *default: float) -> float:
        """Return a number."""

        def reader(name: str, value: Any) -> float:
            if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124 - NaN
                raise self.fault(name, "expected a number")
            return float(value)

        return self.read(name, reader, *default)

    def units(self, name: str, *default: int) -> int:
        """Return an amount that is not negative as 10⁻⁶, from decimal text or a whole number."""

        def reader(name: str, value: Any) -> int:
            try:
                amount = to_units(value)
            except ValueError as e:
                raise self.fault(
                    name, str(e), f'a plain amount such as 12.5; in JSON in quotes: "{name}": "12.5"'
                ) from e
            if amount < 0:
                raise self.fault(name, "the amount is negative", "write what is moved; the verb says which way")
            return amount

        return self.read(name, reader, *default)

    def address(self, name: str) -> str:
        """Return an address with its checksum."""
        try:
            return checked_address(self.text(name))
        except Refused as e:
            raise self.fault(name, "this is no address", "0x and 40 hex digits") from e

    def market(self, core: Exchange, name: str = "market") -> Listing:
        """Return a market by condition id, slug, Gamma id or token; NotFoundError when there is none."""
        word = self.text(name)
        found = core.listings.get(word) or core.of_token(word)
        if found is None:
            known = (x for x in core.listings.values() if word in (x.market.slug, x.gamma_id))
            found = next(known, None)
        if found is None:
            slugs = [listing.market.slug for listing in core.listings.values()][:50]
            remedy = suggest(word, slugs) if slugs else "none is listed: start it with --markets or --markets-file"
            raise NotFoundError(f"{name}: no market is called '{shown(word)}'", id="AGB-861", remedy=remedy)
        return found

    def _text(self, name: str, value: Any) -> str:
        if not isinstance(value, str) or not value:
            raise self.fault(name, "expected text")
        return value


def outcome_token(arguments: Arguments, listing: Listing, name: str = "winner") -> str:
    """Return the token an argument means: itself, the outcome's name, or yes and no."""
    word = arguments.text(name)
    words = dict(zip(("yes", "no"), listing.tokens, strict=True))
    words |= {outcome.lower(): token for outcome, token in zip(listing.outcomes, listing.tokens, strict=True)}
    known = ", ".join(words)
    words |= {str(token): token for token in listing.tokens}
    if word.lower() not in words:
        remedy = f"known: {known}, or one of its token ids"
        raise arguments.fault(name, f"'{shown(word)}' is no outcome of this market", remedy)
    return words[word.lower()]
