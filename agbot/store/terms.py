"""What a raw recording does not say about its markets: which token is YES, tick, minimum size, fee, condition id.

The terms come from, strongest first: flags, the sidecar `FILE.market.json`, the recording itself, defaults. Nothing is
assumed silently: every term is kept with its origin, and the command line prints them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import msgspec

from agbot.errors import ConfigError
from agbot.model.ids import MarketId, TokenId
from agbot.model.market import Market
from agbot.store.recording import Term
from agbot.units import SCALE, TICKS, to_text, to_units

SIDECAR_SUFFIX: Final = ".market.json"
_SIDECAR_REMEDY: Final = "docs/history.md lists the keys of a sidecar"


@attrs.frozen(kw_only=True)
class Terms:
    """Terms of one market as a person gives them; None leaves a term to the next origin.

    Numbers are integers of 10⁻⁶: `tick` usd, `min_size` shares, `fee_rate` a fraction.
    """

    condition_id: str | None = None
    yes: str | None = None
    no: str | None = None
    tick: int | None = None
    min_size: int | None = None
    fee_rate: int | None = None
    fee_exponent: int | None = None
    slug: str | None = None
    question: str | None = None
    event_id: str | None = None
    neg_risk: bool | None = None

    @classmethod
    def parse(
        cls,
        values: Mapping[str, object],
        *,
        path: str | Path = "",
        line_of: Callable[[str], int | None] = lambda _: None,
        spelled: Callable[[str], str] = str,
    ) -> Terms:
        """Return terms from what a person wrote; numbers as decimal text or integers.

        Args:
            values: terms by key.
            path: the file they stand in, if any; `line_of` tells a key's line.
            spelled: how a key is written where the person wrote it, for messages.

        Raises:
            ConfigError: AGB-204 with the key that is unknown or has an impossible value.
        """
        read: dict[str, Any] = {}
        for key, value in values.items():
            try:
                read[key] = _READERS[key](value)
            except KeyError:
                reason, remedy = "unknown key", f"use one of {', '.join(_READERS)}"
            except ValueError as e:
                reason, remedy = str(e), _SIDECAR_REMEDY
            else:
                continue
            raise ConfigError(reason, id="AGB-204", path=path, line=line_of(key), key=spelled(key), remedy=remedy)
        return cls(**read)


@attrs.frozen(kw_only=True)
class Seen:
    """What a recording itself says about one market; `tokens` in order of appearance.

    `stand_in` says that `id` is no condition id, only the best name the recording has.
    """

    id: str
    tokens: Sequence[str]
    slug: str = ""
    market: Market | None = None
    stand_in: bool = False

    @classmethod
    def of(cls, market: Market) -> Seen:
        """Return what a recording with full terms says."""
        return cls(id=market.id, tokens=(market.yes, market.no), slug=market.slug, market=market)


def read_sidecar(recording: Path) -> list[Terms]:
    """Return the terms in the recording's sidecar, one a market; empty when there is no sidecar.

    Raises:
        ConfigError: AGB-204 the sidecar is not what `docs/history.md` describes.
    """
    path = recording.with_name(recording.name + SIDECAR_SUFFIX)
    if not path.exists():
        return []
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as e:
        raise _bad_sidecar(path, f"not JSON: {e.msg}", line=e.lineno) from e
    except (OSError, ValueError, RecursionError) as e:
        raise _bad_sidecar(path, f"cannot be read: {e}") from e
    entries = content if isinstance(content, list) else [content]
    if not all(isinstance(entry, dict) for entry in entries):
        raise _bad_sidecar(path, "holds neither an object nor a list of objects", line=1)

    def line_of(key: str) -> int | None:
        at = text.find(json.dumps(key))
        return None if at < 0 else text.count("\n", 0, at) + 1

    return [Terms.parse(entry, path=path, line_of=line_of) for entry in entries]


def settle_markets(
    seen: Sequence[Seen], sidecar: Sequence[Terms], flags: Terms
) -> tuple[tuple[Market, ...], tuple[Term, ...]]:
    """Return the markets of a recording with every term settled, and where each term came from.

    Args:
        seen: what the recording says, one entry a market.
        sidecar: entries of the sidecar, each about one market.
        flags: terms from the command line; `yes`, `no` and `condition_id` concern one market, the others all.

    Raises:
        ConfigError: AGB-204 a term does not fit, AGB-205 it cannot be told which two tokens make a market.
    """
    only = len(seen) == 1
    if not only and flags.condition_id is not None:
        raise _bad_flag("--condition-id", "names one market, but the recording has several", "use a sidecar")
    tokens = [token for market in seen for token in market.tokens]
    if flags.yes is not None and flags.yes not in tokens:
        raise _bad_flag("--yes", f"no token {flags.yes} in the recording", f"use one of {', '.join(tokens)}")
    markets, terms = [], []
    for entry in seen:
        mine = flags if only or flags.yes in entry.tokens else attrs.evolve(flags, yes=None, no=None)
        market, origins = _settle_market(entry, _about(sidecar, entry, only=only), mine)
        markets.append(market)
        terms.extend(origins)
    return tuple(markets), tuple(terms)


def _about(sidecar: Sequence[Terms], seen: Seen, *, only: bool) -> Terms:
    """Return the sidecar entry about `seen`: by condition id, token or slug, or the single entry of an only market."""
    if only and len(sidecar) == 1:
        return sidecar[0]
    for terms in sidecar:
        named = {terms.condition_id, terms.yes, terms.no, terms.slug} - {None, ""}
        if named & {seen.id, seen.slug, *seen.tokens}:
            return terms
    return Terms()


def _settle_market(seen: Seen, sidecar: Terms, flags: Terms) -> tuple[Market, list[Term]]:
    layers = (("flag", flags), ("sidecar", sidecar))
    values, origins = _base(seen)
    for origin, terms in reversed(layers):
        for key, value in attrs.asdict(terms).items():
            if value is not None and key not in ("yes", "no"):
                name = "id" if key == "condition_id" else key
                values[name], origins[name] = value, origin
    _settle_tokens(seen, layers, values, origins)
    market = Market(**values)
    return market, _printed(market, origins)


def _base(seen: Seen) -> tuple[dict[str, Any], dict[str, str]]:
    if seen.market is not None:
        values = msgspec.structs.asdict(seen.market)
        return values, dict.fromkeys(values, "recording")
    return {"id": MarketId(seen.id), "slug": seen.slug}, {"id": "stand-in" if seen.stand_in else "recording"}


def _settle_tokens(
    seen: Seen, layers: Sequence[tuple[str, Terms]], values: dict[str, Any], origins: dict[str, str]
) -> None:
    """Decide YES and NO: named, or else in order of appearance."""
    named = {key: (value, o) for o, t in reversed(layers) for key in ("yes", "no") if (value := getattr(t, key))}
    yes, yes_origin = named.get("yes", (None, ""))
    no, no_origin = named.get("no", (None, ""))
    if no == yes and yes_origin != no_origin:
        no, no_origin = None, ""
    fallback = "recording" if seen.market is not None else "default"
    if yes is None:
        yes, yes_origin = next((t for t in seen.tokens if t != no), None), no_origin or fallback
    if no is None:
        no, no_origin = next((t for t in seen.tokens if t != yes), None), yes_origin or fallback
    strangers = [token for token in seen.tokens if token not in (yes, no)]
    if yes is None or no is None or yes == no or strangers:
        raise _not_a_pair(seen, strangers)
    values["yes"], values["no"] = TokenId(yes), TokenId(no)
    origins["yes"], origins["no"] = yes_origin, no_origin


def _not_a_pair(seen: Seen, strangers: list[str]) -> ConfigError:
    have = ", ".join(seen.tokens) or "none"
    return ConfigError(
        f"market {seen.slug or seen.id}: two tokens make a market, the recording has {have}"
        + (f"; {', '.join(strangers)} would be left over" if strangers else ""),
        id="AGB-205",
        key="yes",
        remedy='name one of these with --yes TOKEN, or both as "yes" and "no" in the sidecar FILE.market.json',
    )


def _printed(market: Market, origins: Mapping[str, str]) -> list[Term]:
    shown = {
        "condition_id": ("id", market.id),
        "yes": ("yes", market.yes),
        "no": ("no", market.no),
        "tick": ("tick", to_text(market.tick)),
        "min_size": ("min_size", to_text(market.min_size)),
        "fee_rate": ("fee_rate", to_text(market.fee_rate)),
        "fee_exponent": ("fee_exponent", str(market.fee_exponent)),
    }
    return [Term(market.name, key, value, origins.get(name, "default")) for key, (name, value) in shown.items()]


def _bad_sidecar(path: Path, reason: str, line: int | None = None) -> ConfigError:
    return ConfigError(reason, id="AGB-204", path=path, line=line, remedy=_SIDECAR_REMEDY)


def _bad_flag(flag: str, reason: str, remedy: str) -> ConfigError:
    return ConfigError(reason, id="AGB-204", key=flag, remedy=remedy)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"must be text, not {value!r}")
    return value


def _number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError(f"must be a number, not {value!r}")
    units = to_units(value)
    if units < 0:
        raise ValueError(f"{value} is negative")
    return units


def _tick(value: object) -> int:
    tick = _number(value)
    if tick not in TICKS:
        raise ValueError(f"{value} is not a tick; the venue uses {', '.join(map(to_text, TICKS))}")
    return tick


def _rate(value: object) -> int:
    rate = _number(value)
    if rate > SCALE:
        raise ValueError(f"{value} is more than 1; a rate of 3 % is written 0.03")
    return rate


def _exponent(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 8:
        raise ValueError(f"must be a whole number from 0 to 8, not {value!r}")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {value!r}")
    return value


_READERS: Final[dict[str, Callable[[object], object]]] = {
    "condition_id": _text,
    "yes": _text,
    "no": _text,
    "tick": _tick,
    "min_size": _number,
    "fee_rate": _rate,
    "fee_exponent": _exponent,
    "slug": _text,
    "question": _text,
    "event_id": _text,
    "neg_risk": _flag,
}
