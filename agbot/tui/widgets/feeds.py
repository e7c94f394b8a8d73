"""The feeds: how much comes, how old it is, and what is not believed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from rich.text import Text

from agbot.tui import wire
from agbot.tui.state import Dashboard
from agbot.tui.widgets.panel import Panel
from agbot.tui.widgets.sheet import Cell, Column, Row, Sheet

DOUBTED = "feed.books_doubted"
RECEIVED = "polymarket.rtds.messages_received"


class FeedsSheet(Sheet):
    """A row a token and topic, as the bot answers; without an answer a row a feed, from the metrics."""

    EMPTY = "no feed has been heard of"
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("topic", 26, weight=2),
        Column("source", 8, priority=2),
        Column("msg/s", 7, right=True),
        Column("lag ms", 7, right=True),
        Column("p99", 7, right=True, priority=3),
        Column("age s", 7, right=True),
        Column("trust", 8, weight=1),
        Column("messages", 9, right=True, priority=1),
    )

    def rows(self, dashboard: Dashboard) -> Sequence[Row]:
        """Return the rows."""
        rows = list(_told(dashboard)) or list(_watched(dashboard))
        doubted = sum(row.cells[6][1] == "warn" for row in rows)
        self.note = (f"{len(rows)}" + (f", {doubted} doubted" if doubted else "")) if rows else ""
        return rows


class LinksPanel(Panel):
    """Sockets, books and messages, all feeds together."""

    def lines(self, dashboard: Dashboard) -> list[Text]:
        """Return the sums, then messages by type, then doubts that hold."""
        lines = feed_lines(self, dashboard)
        lost, malformed = dashboard.total("feed.sockets_lost"), dashboard.total("feed.messages_malformed")
        lines.append(
            self.line(
                "lost", _count(lost), "warn" if lost else "", f" {'socket' if lost == 1 else 'sockets'} since the start"
            )
        )
        lines.append(self.line("malformed", _count(malformed), "warn" if malformed else "", " messages"))
        for labels, count in sorted(dashboard.gauges(RECEIVED).items()):
            lines.append(self.line("received", _count(count), "", f" {dict(labels).get('message_type', '')}"))
        for labels, count in sorted(dashboard.gauges(DOUBTED).items()):
            if count:
                lines.append(self.line("doubted", _count(count), "warn", f" {dict(labels).get('cause', '')}"))
        return lines


def feed_lines(panel: Panel, dashboard: Dashboard) -> list[Text]:
    """Return how many sockets flow, how many books are believed, how much comes and how late."""
    sockets, flowing = dashboard.total("feed.sockets"), dashboard.total("feed.sockets_flowing")
    books, believed = dashboard.total("feed.books"), dashboard.total("feed.books_believed")
    rate, lag = dashboard.rate(), dashboard.lag_ms()
    if sockets is None:
        first = panel.line("feeds", "–", "", "  no socket of its own")
    else:
        first = panel.line(
            "feeds", f"{_count(flowing)}/{_count(sockets)} flow", "good" if flowing == sockets else "bad"
        )
    if books is not None:
        first.append(
            f", {_count(believed)}/{_count(books)} books ok", panel.ink("dim" if believed == books else "warn")
        )
    arriving = "–" if rate is None else f"{rate:,.0f} msg/s"
    return [first, panel.line("arriving", arriving, "", "" if lag is None else f", lag {lag:.1f} ms")]


def _told(dashboard: Dashboard) -> Iterator[Row]:
    for row in dashboard.told.rows("feeds", "feeds"):
        topic, source = wire.text(row, "topic"), wire.text(row, "source")
        figures = (wire.decimal(row, name) for name in ("rate", "lag_ms", "lag_p99_ms", "age_s"))
        rate, lag, p99, age = (_figure(value) for value in figures)
        doubt = wire.text(row, "trust")
        trusted: Cell = ("ok", "good") if doubt == "ok" else (doubt, "warn")
        count = (_count(wire.number(row.get("messages"))), "dim")
        yield Row(f"{source} {topic}", ((topic, ""), (source, "dim"), rate, lag, (p99[0], "dim"), age, trusted, count))


def _watched(dashboard: Dashboard) -> Iterator[Row]:
    none: Cell = ("–", "dim")
    for labels, rate in sorted(dashboard.gauges("feed.rate").items()):
        name = dict(labels)
        believed, books = (dashboard.gauge(f"feed.{what}", **name) for what in ("books_believed", "books"))
        trusted: Cell = ("ok", "good") if believed == books else (f"{_count(believed)}/{_count(books)}", "warn")
        lag, age = (_figure(dashboard.gauge(f"feed.{what}", **name)) for what in ("lag_ms", "age_s"))
        count = (_count(dashboard.gauge("feed.messages", **name)), "dim")
        topic = name.get("feed", "")
        yield Row(topic, ((topic, ""), ("feed", "dim"), _figure(rate), lag, none, age, trusted, count))
    for labels, rate in sorted(dashboard.gauges("reference.rate").items()):
        name = dict(labels)
        doubted = dashboard.gauge("reference.doubted", **name)
        trusted = ("doubted", "warn") if doubted else ("ok", "good")
        lag, age = (_figure(dashboard.gauge(f"reference.{what}", **name)) for what in ("lag_ms", "age_s"))
        topic, source = name.get("topic", ""), name.get("source", "")
        yield Row(f"{source} {topic}", ((topic, ""), (source, "dim"), _figure(rate), lag, none, age, trusted, none))
    if not dashboard.gauges("feed.rate"):
        for topic, series in sorted(dashboard.lag.items()):
            lag = _figure(series.points[-1][1] if series.points else None)
            yield Row(topic, ((topic, ""), ("feed", "dim"), _figure(dashboard.rate()), lag, none, none, none, none))


def _figure(value: float | None) -> Cell:
    return ("–", "dim") if value is None else (f"{value:,.1f}", "")


def _count(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"
