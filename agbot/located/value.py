"""One value of a configuration file, with its place and the text it was written with."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final, Literal, TypeAlias

import attrs

from agbot.errors import ConfigError
from agbot.units import to_decimal, to_text, to_units

Kind: TypeAlias = Literal["nothing", "boolean", "number", "text", "list", "mapping"]
Plain: TypeAlias = bool | Decimal | str | list["Plain"] | dict[str, "Plain"] | None

NUMBER: Final = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?", re.ASCII)
MAX_DIGITS: Final = 24
MAX_SHOWN: Final = 60

MONEY_MAX: Final = 10**12 * 10**6
_NOT_TEXT: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@attrs.frozen(kw_only=True)
class Located:
    """A value read from `file`.

    Args:
        line: where its key is written, or the value itself when it has no key; counts from 1.
        key: the path to it, such as ``policies[0].max_size``; empty for the whole file.
        text: a scalar's text exactly as written, without quotes.
        items: the elements of a list.
        fields: the entries of a mapping, in file order.
    """

    file: str
    line: int
    key: str
    kind: Kind
    text: str = ""
    items: tuple[Located, ...] = ()
    fields: Mapping[str, Located] = attrs.field(factory=dict)

    def fault(self, reason: str, *, id: str, remedy: str = "") -> ConfigError:  # noqa: A002
        """Return (not raise) the error that names this place."""
        return ConfigError(reason, id=id, path=self.file, line=self.line, key=self.key, remedy=remedy)

    def child_key(self, name: str) -> str:
        """Return the key path of an entry called `name`."""
        return f"{self.key}.{shown(name)}" if self.key else shown(name)

    def __str__(self) -> str:
        if self.kind in ("list", "mapping"):
            return f"a {self.kind}"
        return "nothing" if self.kind == "nothing" else f"'{shown(self.text)}'"

    def as_text(self) -> str:
        """Return text that is not empty; unquoted numbers count as the text they are written with."""
        if self.kind not in ("text", "number"):
            raise self.fault(f"expected text, got {self}", id="AGB-106", remedy="write text, in quotes")
        if not self.text.strip():
            raise self.fault("the text is empty", id="AGB-106", remedy="write a value or remove the key")
        return self.text

    def as_bool(self) -> bool:
        """Return an unquoted true or false."""
        if self.kind != "boolean":
            remedy = "write true or false, without quotes"
            raise self.fault(f"expected true or false, got {self}", id="AGB-106", remedy=remedy)
        return self.text.lower() == "true"

    def as_decimal(self) -> Decimal:
        """Return the number that is written here, quoted or not, exactly."""
        if self.kind not in ("text", "number") or not NUMBER.fullmatch(self.text):
            remedy = "write a plain number such as 1000.0, without unit or separators"
            raise self.fault(f"expected a number, got {self}", id="AGB-106", remedy=remedy)
        if sum(map(str.isdigit, self.text)) > MAX_DIGITS:
            raise self.fault(f"{self} has more than {MAX_DIGITS} digits", id="AGB-107", remedy="write it shorter")
        return Decimal(self.text)

    def as_int(self, low: int, high: int) -> int:
        """Return a whole number within [`low`, `high`]."""
        number = self.as_decimal()
        if not low <= number <= high:
            raise self.fault(f"{self} is out of range", id="AGB-107", remedy=f"between {low} and {high}")
        if number != number.to_integral_value():
            raise self.fault(f"{self} is not a whole number", id="AGB-107", remedy="leave out the decimals")
        return int(number)

    def as_units(self, low: int, high: int = MONEY_MAX) -> int:
        """Return money or shares as an integer of 10⁻⁶ within [`low`, `high`] (also 10⁻⁶)."""
        number = self.as_decimal()
        if number < 0 <= low:
            raise self.fault(f"{self} is negative", id="AGB-107", remedy="write a number that is not negative")
        if not to_decimal(low) <= number <= to_decimal(high):
            limits = f"between {to_text(low)} and {to_text(high)}"
            raise self.fault(f"{self} is out of range", id="AGB-107", remedy=limits)
        try:
            return to_units(number)
        except ValueError as e:
            raise self.fault(f"{self} has more than six decimals", id="AGB-107", remedy="round it yourself") from e

    def as_list(self) -> tuple[Located, ...]:
        """Return the elements of a list."""
        if self.kind != "list":
            raise self.fault(f"expected a list, got {self}", id="AGB-106", remedy="write a list: [a, b]")
        return self.items

    def as_choice(self, choices: Iterable[str]) -> str:
        """Return the text when it is one of `choices`."""
        text = self.as_text()
        known = tuple(choices)
        if text not in known:
            raise self.fault(f"{self} is not known here", id="AGB-109", remedy=suggest(text, known))
        return text

    def as_names(self) -> tuple[str, ...]:
        """Return a list of texts, each at most once."""
        names: dict[str, None] = {}
        for item in self.as_list():
            name = item.as_text()
            if name in names:
                raise item.fault(f"{item} is listed twice", id="AGB-114", remedy="keep one of them")
            names[name] = None
        return tuple(names)

    def plain(self) -> Plain:
        """Return None, bool, Decimal, str, list or dict, for the reader who checks it himself."""
        if self.kind == "mapping":
            return {name: node.plain() for name, node in self.fields.items()}
        if self.kind == "list":
            return [item.plain() for item in self.items]
        if self.kind == "nothing":
            return None
        if self.kind == "boolean":
            return self.as_bool()
        return self.as_decimal() if self.kind == "number" else self.text


def shown(text: str, limit: int = MAX_SHOWN) -> str:
    """Return `text` fit for one line of a terminal: escaped where it could do harm, and cut when long."""
    safe = text if text.isprintable() else ascii(text)[1:-1]
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"


def suggest(word: str, known: Iterable[str]) -> str:
    """Return the remedy for a misspelled `word`."""
    choices = tuple(known)
    folded = {choice.lower(): choice for choice in choices}
    close = difflib.get_close_matches(word.lower()[:MAX_SHOWN], folded, n=1)
    return f"did you mean '{folded[close[0]]}'?" if close else f"known: {', '.join(choices)}"


def scalar(file: str, line: int, key: str, kind: Kind, text: str) -> Located:
    """Return a scalar, refusing characters that could harm a terminal, a path or a log.

    Raises:
        ConfigError: AGB-101.
    """
    node = Located(file=file, line=line, key=key, kind=kind, text=text)
    if _NOT_TEXT.search(text):
        raise node.fault("the text holds a control character", id="AGB-101", remedy="remove it or retype the text")
    return node
