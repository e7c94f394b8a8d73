"""Nothing of a secret is left anywhere: the run crashes on purpose at many places, and everything written is searched.

What is searched: log, wire log, journal and every other file of the state directory, standard output and error, metrics
on their way to the monitor, and the exception itself with the locals of every frame, as a debugger would print it.
"""

from __future__ import annotations

import base64
import importlib
import os
import traceback
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
import trio

from agbot import log
from agbot.cli.start import Ready, run
from agbot.doctor.world import run_checks
from agbot.run import plans
from agbot.run.attach import Screens
from agbot.run.lock import exclusive_wallet
from agbot.run.modes import Trader, look
from agbot.run.oneshot import send_one
from agbot.run.plans import Start
from agbot.run.session import Session, prepare_state_dir
from agbot.settings import LiveSettings, Mode, PolymarketSettings, Settings, StrategySettings
from agbot.testing.venue_stub import ADDRESS, PRIVATE_KEY, YES, StubKey, venue_stub
from agbot.units import SCALE
from agbot.venue.polymarket.credentials import load_credentials

KEY = StubKey()
TESTS = str(Path(__file__).parents[1])


def forms(raw: bytes, *texts: str) -> set[str]:
    """Return every way a secret might be written down."""
    spelled = {*texts, raw.hex(), base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()}
    spelled |= {text.rstrip("=") for text in spelled} | {repr(raw)[2:-1]}
    return {form for text in spelled for form in (text, text.upper(), text.lower()) if len(form) >= 12}


SECRETS = (
    forms(bytes.fromhex(PRIVATE_KEY[2:]), PRIVATE_KEY, PRIVATE_KEY[2:], str(int(PRIVATE_KEY, 16)))
    | forms(base64.urlsafe_b64decode(KEY.secret), KEY.secret)
    | forms(KEY.passphrase.encode(), KEY.passphrase)
)


def found_in(text: str) -> list[str]:
    """Return the secrets in a text, masked to what a failing test may show."""
    return sorted({f"{form[:4]}… ({len(form)})" for form in SECRETS if form in text})


def frames_of(error: BaseException) -> Iterator[traceback.FrameSummary]:
    """Yield the frames of an exception, its groups, causes and contexts; the test's own hold the secrets by design."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    waiting = [shown]
    while waiting:
        one = waiting.pop()
        # the fault's own frame counts: it has what its place was given
        yield from (f for f in one.stack if not f.filename.startswith(TESTS) or f.name == "crash")
        waiting += one.exceptions or []
        waiting += [one.__cause__] if one.__cause__ else []
        waiting += [one.__context__] if one.__context__ and not one.__suppress_context__ else []


def leaks_of(error: BaseException) -> list[str]:
    found = [f"message: {leak}" for leak in found_in("".join(traceback.format_exception(error)))]
    for frame in frames_of(error):
        for name, value in (frame.locals or {}).items():
            found += [f"{frame.filename}:{frame.lineno} {frame.name} {name}: {leak}" for leak in found_in(value)]
    return found


def leaks_under(*directories: Path) -> list[str]:
    files = [path for directory in directories for path in sorted(directory.rglob("*")) if path.is_file()]
    assert files
    return [f"{path}: {leak}" for path in files for leak in found_in(path.read_bytes().decode("latin-1"))]


class OnPurposeError(Exception):
    """What the injected fault raises."""


# Where it crashes: module, then attribute. Each is reached by one of the scenarios below.
LIVE = [
    "agbot.venue.polymarket.rest:l2_headers",
    "agbot.venue.polymarket.auth:Hmac.sign",
    "agbot.venue.polymarket.rest:ClobClient.balance",
    "agbot.venue.polymarket.rest:ClobClient.submit",
    "agbot.venue.polymarket.rest:ClobClient.cancel_all",
    "agbot.venue.polymarket.rest:ClobClient.heartbeat",
    "agbot.venue.polymarket.transport:Transport.exchange",
    "agbot.venue.polymarket.transport:Transport._reply",
    "agbot.venue.polymarket.wire_log:WireLog.request",
    "agbot.venue.polymarket.wire.rest:decode_order_reply",
    "agbot.venue.polymarket.orders:OrderSigner.sign",
    "agbot.venue.polymarket.placing:post_body",
    "agbot.venue.polymarket.keys:SigningKey.sign",
    "agbot.venue.polymarket.signer:LocalSigner.sign",
    "agbot.venue.polymarket.placing:Placing.place",
    "agbot.venue.polymarket.placing:Placing.signed",
    "agbot.venue.polymarket.placing:compose",
    "agbot.venue.polymarket.adapter:PolymarketVenue.place_order",
    "agbot.venue.polymarket.adapter:PolymarketVenue.prepare",
    "agbot.venue.polymarket.adapter:PolymarketVenue._compose",
    "agbot.venue.polymarket.user:UserSession.first_frame",
    "agbot.venue.polymarket.user:UserSession.received",
    "agbot.venue.polymarket.user:UserStream._connection",
    "agbot.venue.polymarket.heartbeat:Heart.run",
    "agbot.web.socket:Socket.send",
    "agbot.web.socket:Socket._flush",
    "agbot.run.modes:read_account",
    "agbot.run.modes:DaySpend",
    "agbot.run.modes:live_plan",
    "agbot.run.session:header_of",
    "agbot.run.session:Session.parts",
    "agbot.run.session:Session.end",
    "agbot.run.gateway:Gateway._place",
    "agbot.run.gateway:to_order",
    "agbot.run.spend:DaySpend.refuse",
    "agbot.run.engine:EngineTask.run",
    "agbot.core.engine:Engine.step",
    "agbot.store.journal:Journal.commit",
    "httpx:AsyncClient.send",
    "httpx:AsyncClient.build_request",
    "httpcore._async.http11:AsyncHTTP11Connection._send_request_headers",
    "httpcore._async.http11:AsyncHTTP11Connection._receive_response_headers",
    "h11._connection:Connection.send",
    "coincurve:PrivateKey.sign_recoverable",
]
DOCTOR = [
    "agbot.doctor.wallet:recovered",
    "agbot.doctor.wallet:OrderSigner",
    "agbot.doctor.sockets:open_socket",
    "agbot.doctor.sockets:_json",
    "agbot.doctor.sockets:_frame",
    "agbot.venue.polymarket.rest:ClobClient.api_keys",
]
CREDENTIALS = [
    "agbot.secrets:_remember",
    "agbot.secrets:_from_keyring",
    "agbot.secrets:Secret.__init__",
    "agbot.venue.polymarket.auth:_decode",
    "agbot.venue.polymarket.auth:Hmac.__init__",
    "agbot.venue.polymarket.auth:hashlib.sha256",
    "agbot.venue.polymarket.auth:base64.urlsafe_b64decode",
    "agbot.venue.polymarket.credentials:SigningKey.parse",
    "agbot.venue.polymarket.credentials:ApiCredentials",
    "agbot.venue.polymarket.credentials:derive",
    "agbot.venue.polymarket.keys:SigningKey.__init__",
    "agbot.venue.polymarket.keys:PrivateKey",
    "agbot.venue.polymarket.keys:checksum",
    "agbot.venue.polymarket.wallets:Account.__attrs_post_init__",
]


def crash_at(place: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make the function at `place` raise; returns the list of its calls."""
    module, _, path = place.partition(":")
    owner = importlib.import_module(module)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    calls: list[str] = []

    def crash(*args: object, **named: object) -> object:
        calls.append(place)
        held = (args, named)  # a frame of the fault's own, with whatever it was given
        raise OnPurposeError(f"at {place}, with {len(held)} locals")

    monkeypatch.setattr(owner, name, crash)
    return calls


@attrs.frozen
class Place:
    """A state directory, its log, and how a live run begins there."""

    start: Start
    trader: Trader
    directories: tuple[Path, ...]


@pytest.fixture
def secrets_in_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("POLYMARKET_PRIVATE_KEY", PRIVATE_KEY)
    monkeypatch.setenv("POLYMARKET_API_KEY", KEY.key)
    monkeypatch.setenv("POLYMARKET_SECRET", KEY.secret)
    monkeypatch.setenv("POLYMARKET_PASSPHRASE", KEY.passphrase)


@pytest.fixture
async def place(secrets_in_the_environment, tmp_path):
    async with venue_stub() as stub:
        stub.rtds_sockets.answers = lambda _socket, _text: ["hello"]
        stub.set_book(YES, bids=[("0.45", "100")], asks=[("0.55", "100")])
        directory = prepare_state_dir("p", tmp_path / "s")
        log.configure(file=directory / log.FILE_NAME, level="debug")
        settings = Settings(
            mode=Mode.LIVE,
            markets=("will-it-rain",),
            polymarket=PolymarketSettings(hosts=stub.hosts),
            live=LiveSettings(max_order_usd=20 * SCALE, max_day_usd=100 * SCALE),
            strategies=(StrategySettings(name="quoter"),),
        )
        start = Start(
            settings=settings,
            state_dir=directory,
            screens=Screens(web=False, state_dir=directory),
            duration_s=1.0,
            log_wire=True,
        )
        yield Place(start, Trader.of(settings, load_credentials()), (tmp_path / "s", tmp_path / "home"))
        log.close()


async def live(place: Place) -> None:
    await look(place.trader)
    with exclusive_wallet(ADDRESS) as fence:
        await run(place.start, Ready(trader=place.trader, fence=fence))


async def outcome(work, *args) -> BaseException | None:
    """Return what a piece of work ended with; a fault may also be taken for a lost link, and end with the run."""
    try:
        with trio.move_on_after(10):
            await work(*args)
    except BaseException as e:  # noqa: BLE001 - whatever it is, it is searched
        return e
    return None


def searched(place: Place, error: BaseException | None, capfd, pushed: bytes) -> list[str]:
    out, err = capfd.readouterr()
    leaks = leaks_under(*place.directories)
    leaks += [f"output: {leak}" for leak in found_in(out + err)]
    leaks += [f"metrics: {leak}" for leak in found_in(pushed.decode("latin-1"))]
    return leaks + (leaks_of(error) if error else [])


@pytest.fixture
def pushed(monkeypatch):
    """Return what the session would push to a monitor, so far."""
    sessions: list[Session] = []

    class Watched(Session):
        def __init__(self, plan):
            super().__init__(plan)
            sessions.append(self)

    monkeypatch.setattr(plans, "Session", Watched)
    return lambda: b"\n".join(line for session in sessions for line in session.registry.drain(10**9).lines)


@pytest.mark.parametrize("where", LIVE)
async def test_a_live_run_that_crashes_tells_no_secret(where, place, monkeypatch, capfd, pushed):
    calls = crash_at(where, monkeypatch)
    error = await outcome(live, place)
    assert searched(place, error, capfd, pushed()) == []
    assert calls, f"the fault was never reached, but {error!r}"


@pytest.mark.parametrize("where", DOCTOR)
async def test_a_doctor_that_crashes_tells_no_secret(where, place, monkeypatch, capfd):
    calls = crash_at(where, monkeypatch)

    async def ask():
        await run_checks(place.start.settings, place.start.state_dir, live=True, deadline_s=3)

    error = await outcome(ask)
    assert calls
    assert searched(place, error, capfd, b"") == []


@pytest.mark.parametrize("where", CREDENTIALS)
def test_credentials_that_crash_tell_no_secret(where, secrets_in_the_environment, monkeypatch, capfd):
    if where.endswith("_from_keyring"):
        monkeypatch.delenv("POLYMARKET_PASSPHRASE")
    calls = crash_at(where, monkeypatch)
    with pytest.raises(OnPurposeError) as caught:
        load_credentials()
    monkeypatch.undo()
    assert calls
    assert leaks_of(caught.value) == []
    assert found_in("".join(capfd.readouterr())) == []


MALFORMED = [
    ("POLYMARKET_PRIVATE_KEY", PRIVATE_KEY + "0"),
    ("POLYMARKET_PRIVATE_KEY", PRIVATE_KEY[2:]),
    ("POLYMARKET_SECRET", KEY.secret + "!"),
    ("POLYMARKET_PASSPHRASE", KEY.passphrase + " x"),
]


@pytest.mark.parametrize(("name", "value"), MALFORMED)
def test_malformed_secrets_are_not_shown_either(name, value, secrets_in_the_environment, monkeypatch):
    monkeypatch.setenv(name, value)
    with pytest.raises(Exception) as caught:
        load_credentials()
    assert leaks_of(caught.value) == []


BREAKS = {
    "a reset": OSError(104, "Connection reset by peer"),
    "a broken pipe": BrokenPipeError(32, "Broken pipe"),
}


@pytest.mark.parametrize("why", BREAKS)
@pytest.mark.parametrize("stream", ["send_all", "receive_some"])
async def test_a_connection_that_breaks_tells_no_secret(why, stream, place, monkeypatch, capfd):
    """The frames below an HTTP request hold its headers: none of them is part of what is raised."""
    real = getattr(trio.SocketStream, stream)

    async def breaks(self, *args):
        if "agbot/testing" in "".join(frame.filename for frame in traceback.extract_stack()):
            return await real(self, *args)
        raise trio.BrokenResourceError("broken") from BREAKS[why]

    monkeypatch.setattr(trio.SocketStream, stream, breaks)
    error = await outcome(look, place.trader)
    monkeypatch.undo()
    assert error is not None
    assert searched(place, error, capfd, b"") == []


async def test_one_order_leaves_no_secret_behind(place, capfd):
    request = {"market": "will-it-rain", "outcome": "yes", "side": "buy", "price": "0.10", "size": "10"}
    start = attrs.evolve(place.start, duration_s=None)
    with exclusive_wallet(ADDRESS) as fence:
        await send_one(start, place.trader, fence, request)
    assert searched(place, None, capfd, b"") == []
    assert list(place.start.state_dir.glob("runs/*.agj"))


def test_the_search_finds_what_is_there(tmp_path):
    """A search that finds nothing anywhere would make every test here pass."""

    def hold(secret):
        raise OnPurposeError

    for secret in (PRIVATE_KEY, PRIVATE_KEY[2:].upper(), KEY.passphrase, base64.b64decode(KEY.secret).hex()):
        assert found_in(f"x{secret}y")
        (tmp_path / "file").write_text(f"a {secret} b")
        assert leaks_under(tmp_path)
    code = compile("def hold(secret):\n    raise ValueError(1)\n", os.devnull, "exec")
    space: dict[str, object] = {}
    exec(code, space)  # a frame that is not of this file
    with pytest.raises(ValueError) as caught:
        space["hold"](KEY.passphrase)
    assert leaks_of(caught.value)


def test_there_are_thirty_places_and_more():
    assert len({*LIVE, *DOCTOR, *CREDENTIALS}) >= 30
