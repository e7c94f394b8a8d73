"""agbot feeds: how every feed is doing, of the running bot or of markets it is told to watch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agbot.cli.common import bot_options, control
from agbot.errors import ConfigError, NotRunningError
from agbot.words import many

if TYPE_CHECKING:
    from agbot.settings import Settings
    from agbot.venue.polymarket.access import Access
    from agbot.venue.polymarket.auth import ApiCredentials
    from agbot.venue.polymarket.topics import Topic

FIND_S = 30.0


@click.command(name="feeds")
@bot_options
@click.option("--market", "markets", multiple=True, help="Watch this market without a bot; may be repeated.")
@click.option("--busiest", is_flag=True, help="Watch the market that is traded most today.")
@click.option("--topic", "topics", multiple=True, help="Also this RTDS topic, such as crypto_prices:btcusdt.")
@click.option("--seconds", type=click.FloatRange(1, 86_400), default=20, show_default=True, help="How long to watch.")
@click.option("--config", type=click.Path(path_type=Path), help="Configuration: where the venue is, and its topics.")
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object.")
def command(*, profile: str | None, state_dir: Path | None, as_json: bool, **options: Any) -> None:
    """Show rate, lag, age and trust of every feed.

    \b
    agbot feeds                                     the running bot's
    agbot feeds --market SLUG --seconds 60          without a bot: connects by itself, reads only
    agbot feeds --busiest --topic activity --json

    Exit 3 when no bot runs and no market is named.
    """
    if options["markets"] or options["busiest"] or options["topics"]:
        report = observe(options)
    else:
        report = _of_the_bot(profile, state_dir)
    click.echo(json.dumps(report, ensure_ascii=False) if as_json else shown(report))


def _of_the_bot(profile: str | None, state_dir: Path | None) -> dict[str, Any]:
    try:
        reply = control(profile, state_dir, {"op": "feeds"})
    except NotRunningError as e:
        e.remedy = "start one: agbot run; or watch without one: agbot feeds --market SLUG"
        raise
    return {"feeds": reply["feeds"], "sockets": reply["sockets"]}


def observe(options: dict[str, Any]) -> dict[str, Any]:
    """Connect read-only, watch for ``options["seconds"]``, and return the report.

    Args:
        options: markets, busiest, topics, seconds and config, as the command line has them.

    Raises:
        ConfigError: AGB-490 no such topic, AGB-135 it needs the API key, AGB-494 it needs a market.
        NotFoundError: AGB-414 no such market.
        TimedOutError: AGB-453 the markets could not be asked for in time.
        ExecutionError: the venue refused or could not be reached.
    """
    import trio  # noqa: PLC0415

    from agbot.cli.access import settings_of  # noqa: PLC0415

    settings = settings_of(options["config"])
    topics = [_topic(text) for text in options["topics"]]
    return trio.run(_watched, settings, topics, options)


def _topic(text: str) -> Topic:
    from agbot.venue.polymarket.topics import rtds_topic  # noqa: PLC0415

    try:
        return rtds_topic(text)
    except ValueError as e:
        raise ConfigError(str(e), id="AGB-490", key="--topic", remedy="such as --topic crypto_prices:btcusdt") from e


async def _watched(settings: Settings, topics: list[Topic], options: dict[str, Any]) -> dict[str, Any]:
    import trio  # noqa: PLC0415

    from agbot.errors import TimedOutError  # noqa: PLC0415
    from agbot.run.observe import Observation  # noqa: PLC0415
    from agbot.run.references import reference_feeds  # noqa: PLC0415
    from agbot.run.session import now_ns  # noqa: PLC0415
    from agbot.venue.polymarket.access import connect  # noqa: PLC0415
    from agbot.venue.polymarket.credentials import Credentials  # noqa: PLC0415
    from agbot.venue.polymarket.reference_feed import ReferenceFeed  # noqa: PLC0415
    from agbot.venue.polymarket.rtds import RtdsSession  # noqa: PLC0415
    from agbot.venue.polymarket.signer import chain_named  # noqa: PLC0415
    from agbot.venue.polymarket.stream import PolymarketFeed  # noqa: PLC0415

    place = settings.polymarket
    api = _api_key(topics)
    async with connect(place.hosts, chain_named(place.chain), Credentials()) as access:
        with trio.move_on_after(FIND_S) as late:
            found = await _markets(access, options)
        if late.cancelled_caught:
            reason = f"no answer from {place.hosts.gamma} or {place.hosts.clob} within {FIND_S:g} s"
            raise TimedOutError(reason, id="AGB-453", remedy="agbot doctor says which of them cannot be reached")
        feed = PolymarketFeed(place.hosts, found, now_ns, check_book=access.clob.book)
        references = list(reference_feeds(settings, now_ns)) if options["config"] else []
        if topics:
            _named(topics, found)
            tokens = [token for market in found for token in (market.yes, market.no)]
            session = RtdsSession(topics, tokens=tokens, credentials=api)
            references.append(ReferenceFeed(session, place.hosts.rtds, now_ns))
        return await Observation(feed, references, found, now_ns).run(options["seconds"])


def _api_key(topics: list[Topic]) -> ApiCredentials | None:
    """Return the API key where a topic needs it; ConfigError AGB-135 when it is not there."""
    from agbot.venue.polymarket.credentials import API, load_credentials  # noqa: PLC0415
    from agbot.venue.polymarket.topics import USER_TOPIC  # noqa: PLC0415

    return load_credentials(required=API).api if any(topic.name == USER_TOPIC for topic in topics) else None


def _named(topics: list[Topic], found: list[Any]) -> None:
    from agbot.venue.polymarket.topics import MARKET_TOPIC  # noqa: PLC0415

    if not found and any(topic.name == MARKET_TOPIC for topic in topics):
        raise ConfigError(f"{MARKET_TOPIC} is about markets, and none is named", id="AGB-494", remedy="--market SLUG")


async def _markets(access: Access, options: dict[str, Any]) -> list[Any]:
    found = [await access.market(name) for name in options["markets"]]
    return [*found, *([await access.busiest_market()] if options["busiest"] else [])]


def shown(report: dict[str, Any]) -> str:
    """Return a report as a table, and the sockets that were lost."""
    from agbot.cli.tables import table  # noqa: PLC0415

    rows = [{name: _cell(row[name]) for name in _COLUMNS} for row in report["feeds"]]
    lines = [table(rows, empty="no live feeds: a demo or a replay has none")]
    lost = [socket for socket in report["sockets"] if socket["losses"]]
    lines += [
        f"{socket['source']}: lost {many(socket['losses'], 'time')}, last: {socket['last_loss']}" for socket in lost
    ]
    return "\n".join(lines)


_COLUMNS = ("source", "topic", "rate", "lag_ms", "lag_p50_ms", "lag_p99_ms", "age_s", "messages", "lost", "trust")


def _cell(value: object) -> object:
    return "-" if value is None else value
