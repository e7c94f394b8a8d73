"""`/history`: what the store has kept of a metric, read in a worker thread, bounded in time, series and points."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import parse_qs

import attrs
import msgspec
import structlog
import trio

from agbot.errors import AgbotError
from agbot.monitor.keeper import PUSHED
from agbot.web.http import Request, Response

if TYPE_CHECKING:
    from agbot.store.rows import Series

History: TypeAlias = "Callable[[str, int, int, int], Sequence[Series]]"
"""Series of a metric in [start_ns, end_ns) with at most so many points each; blocks."""

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,99}")
SPAN_MS_MAX: Final = 31 * 86_400_000
POINTS_MAX: Final = 2000
POINTS: Final = 600
"""When the request does not say."""
SERIES_MAX: Final = 64
"""Series in one answer; it says how many were left out."""
MARKET_CHARACTERS_MAX: Final = 200
READING_MAX: Final = 2
"""Threads that read."""
WAITING_MAX: Final = 16
"""Requests that wait or are read; one more is answered 503."""
ANSWER_S: Final = 10.0
"""How long the store may take."""
_NONE: Final = "no history: this monitor was started without the state directory of a bot (--state-dir)"
_log = structlog.get_logger("agbot.monitor")


class _BadQueryError(ValueError):
    pass


@attrs.frozen
class Query:
    """A request's wishes. Times are UTC ms."""

    name: str
    start_ms: int
    end_ms: int
    points: int
    market: str
    """Only series with this market id; all when empty."""

    @classmethod
    def parse(cls, text: str) -> Query:
        """Read the query of a URL. ValueError says what is wrong with it."""
        try:
            given = {key: values[-1] for key, values in parse_qs(text, max_num_fields=8, strict_parsing=True).items()}
        except ValueError as e:
            raise _BadQueryError(f"no query: {e}") from e
        name, market = given.get("name", ""), given.get("market", "")
        if not NAME.fullmatch(name) or len(market) > MARKET_CHARACTERS_MAX:
            raise _BadQueryError("name must be a metric's name, market a market's id")
        start, end = _number(given, "from"), _number(given, "to")
        if not 0 <= start < end or end - start > SPAN_MS_MAX:
            raise _BadQueryError(f"from must be before to, by at most {SPAN_MS_MAX} ms")
        points = _number(given, "points", POINTS)
        if not 1 <= points <= POINTS_MAX:
            raise _BadQueryError(f"points must be 1 to {POINTS_MAX}")
        return cls(name, start, end, points, market)


class Archive:
    """Answers `/history` from `history`; without one it says that there is none."""

    def __init__(self, history: History | None) -> None:
        self._history = history
        self._limiter = trio.CapacityLimiter(READING_MAX)
        self._asked = 0

    @property
    def kept(self) -> bool:
        """Return whether there is a store to ask."""
        return self._history is not None

    async def answer(self, request: Request) -> Response:
        """Return the answer to a request, an error among them."""
        if self._history is None:
            return _error(404, _NONE)
        try:
            query = Query.parse(request.query)
        except _BadQueryError as e:
            return _error(400, str(e))
        if self._asked >= WAITING_MAX:
            return _error(503, "too many are asking: ask again", ("Retry-After", "1"))
        self._asked += 1
        try:
            with trio.fail_after(ANSWER_S):
                body = await trio.to_thread.run_sync(
                    _read, self._history, query, limiter=self._limiter, abandon_on_cancel=True
                )
        except trio.TooSlowError:
            return _error(503, f"the store took more than {ANSWER_S:g} s: ask for less")
        except (AgbotError, OSError) as e:
            _log.warning("history cannot be read", reason=str(e))
            return _error(503, "the store cannot be read: the monitor's log says why")
        finally:
            self._asked -= 1
        return Response(200, body, "application/json")


def of_state_dir(directory: Path) -> History:
    """Return what reads the store in a bot's state directory, and the one of what other programs pushed."""
    from agbot.store.embedded import series_between  # noqa: PLC0415 - SQLite, for a page that asks

    def read(name: str, start_ns: int, end_ns: int, points: int) -> list[Series]:
        places = (directory, directory / PUSHED)
        return [series for place in places for series in series_between(place, name, start_ns, end_ns, points)]

    return read


def _read(history: History, query: Query) -> bytes:
    found = history(query.name, query.start_ms * 1_000_000, query.end_ms * 1_000_000, query.points)
    wanted = [s for s in found if not query.market or query.market in _markets(s)]
    answer: dict[str, Any] = {
        "v": 1,
        "name": query.name,
        "from": query.start_ms,
        "to": query.end_ms,
        "left_out": max(0, len(wanted) - SERIES_MAX),
        "series": [[dict(s.labels), _rows(s, query.points)] for s in wanted[:SERIES_MAX]],
    }
    return msgspec.json.encode(answer)


def _markets(series: Series) -> list[str]:
    return [value for name, value in series.labels if name in {"market", "market_id"}]


def _rows(series: Series, points: int) -> list[tuple[Any, ...]]:
    """Return the newest points, one more than asked for: a step may be cut at both ends."""
    return [(p[0] // 1_000_000, *p[1:]) for p in series.points[-points - 1 :]]


def _number(given: dict[str, str], key: str, default: int | None = None) -> int:
    text = given.get(key, "" if default is None else str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        raise _BadQueryError(f"{key} must be a whole number")
    return int(text)


def _error(status: int, reason: str, *headers: tuple[str, str]) -> Response:
    return Response(status, msgspec.json.encode({"error": reason}), "application/json", headers)
