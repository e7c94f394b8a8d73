"""The text of a first configuration, from answers; and writing it once, whole, for its owner alone."""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs

from agbot.config import read_settings
from agbot.core.rules import load_rules
from agbot.errors import ConfigError
from agbot.located import loads
from agbot.located.value import shown
from agbot.store.rebuild import strategy_faults

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*", re.ASCII)
_WORDS_OF_YAML: Final = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


@attrs.frozen(kw_only=True)
class Answers:
    """What a first configuration depends on. Money is decimal text as typed.

    Args:
        markets: slugs or condition ids; empty in the demo, which brings its own.
        policies: a policy file, None for the built-in limits.
        max_order: live trading's largest order in usd, and `max_day` its largest day; both or neither.
        urls: of an exchange's ready line; empty for Polymarket itself.
    """

    mode: str = "paper"
    profile: str = "default"
    markets: Sequence[str] = ()
    capital: str = "10000.00"
    policies: Path | None = None
    strategy: str = "quoter"
    max_order: str = ""
    max_day: str = ""
    urls: Mapping[str, str] = attrs.field(factory=dict)


def render(answers: Answers, path: Path) -> str:
    """Return the text of the file `path`; a policy file beside it is named relative to it."""
    return _TEXT.format(
        path=shown(str(path)),
        mode=answers.mode,
        profile=_scalar(answers.profile),
        capital=answers.capital,
        markets=f"[{', '.join(map(_scalar, answers.markets))}]",
        risk=_risk(answers.policies, path.absolute().parent),
        strategy=_scalar(answers.strategy),
        live=_live(answers),
        venue=_venue(answers.urls),
    )


def _scalar(text: str) -> str:
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS_OF_YAML
    return text if plain else json.dumps(text, ensure_ascii=False)


def _risk(policies: Path | None, directory: Path) -> str:
    if policies is None:
        return "# risk:\n#   policy_file: policies.yaml   # without one: 1000 shares a market, 10000 usd in all"
    found = policies.absolute()
    if found.is_relative_to(directory):
        found = found.relative_to(directory)
    return f"risk:\n  policy_file: {_scalar(str(found))}"


def _live(answers: Answers) -> str:
    mark = "" if answers.max_order else "# "
    return _LIVE.format(mark=mark, order=answers.max_order or "5", day=answers.max_day or "25")


def _venue(urls: Mapping[str, str]) -> str:
    if not urls:
        return ""
    hosts = "\n".join(f"  {name}: {urls[name]}" for name in HOSTS)
    return f"{_HERE}\npolymarket:\n{hosts}\nrtds:\n  endpoint: {urls['rtds']}\n"


HOSTS: Final = ("clob", "market_socket", "user_socket", "realtime", "gamma", "data", "geoblock")
"""Addresses of `polymarket:`, by the names that an exchange's ready line has for them too."""
_HERE: Final = """
# The exchange on this machine: agbot exchange. Without these lines, Polymarket itself."""

_LIVE: Final = """\
live:                       # real money is asked for by flag only: agbot run … --mode live
  {mark}max_order_usd: {order:<8} # the most one order may trade
  {mark}max_day_usd: {day:<10} # the most that may be traded in one UTC day, counting what rests
  heartbeat: true           # the venue cancels all orders when it no longer hears from the bot"""

_TEXT: Final = """\
# agbot's configuration, written by agbot init. What it says now:  agbot check {path}
# Relative paths start at this file. Keys are never written here: they come from the environment or the keyring.

mode: {mode:<21} # demo: a local exchange · paper: live data, paper orders · shadow: decides, sends nothing
profile: {profile:<18} # names the state directory, so that several bots do not share one
capital_usd: {capital:<14} # paper money at start

# Slugs, condition ids or polymarket.com addresses. Find some:  agbot markets search WORDS
markets: {markets}

strategies:
  - name: {strategy}
    markets: all            # or a list, to trade this strategy in some of them only

{risk}

{live}
{venue}"""


def prove(text: str, path: Path) -> None:
    """Raise the first fault that `agbot check` would find in `text`, were it in the file `path`."""
    faults: list[ConfigError] = []
    settings = read_settings(loads(text, str(path.absolute())), faults)
    faults += strategy_faults(settings)
    for fault in faults:
        raise fault
    if settings.policy_file:
        load_rules(settings.policy_file)


def write_new(path: Path, text: str) -> None:
    """Write `path` with mode 0600, all of it or nothing.

    Raises:
        ConfigError: AGB-450 it exists, AGB-451 it cannot be written.
    """
    try:
        fd, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.absolute().parent)
        try:
            with open(fd, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.link(temporary, path)  # unlike a rename, this never replaces what somebody wrote meanwhile
        finally:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
    except FileExistsError as e:
        raise exists(path) from e
    except OSError as e:
        reason = f"it cannot be written: {e.strerror or e}"
        raise ConfigError(reason, id="AGB-451", path=path, remedy="name another place: agbot init PATH") from e


def exists(path: Path) -> ConfigError:
    """Return the error for a file that is there already."""
    remedy = "edit it, or name another: agbot init other.yaml"
    return ConfigError("the file exists already; it is not overwritten", id="AGB-450", path=path, remedy=remedy)
