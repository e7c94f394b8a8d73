"""Who may read a monitor that has a token: every path, every way to show it, and what is told of it."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
import trio
from hypothesis import given, settings
from trio_websocket import ConnectionRejected

from agbot.monitor.app import serve
from agbot.monitor.gate import Gate
from agbot.secrets import Secret
from agbot.telemetry.access import bearer
from agbot.telemetry.push import push
from agbot.telemetry.registry import Registry
from agbot.telemetry.websocket import open_websocket
from agbot.units import NS_PER_MS
from agbot.web.http import Request, Response, admit_all

TOKEN = "correct-horse-battery-staple"
HERE = ("127.0.0.1", 8080)
SIGN_IN = Response(401, b"sign in")


def ask(gate: Gate, path: str, port: int = 8080, **headers: str) -> Response | None:
    return gate.refuse(Request("GET", path, "", headers), ("127.0.0.1", port))


@pytest.fixture
def gate() -> Gate:
    return Gate(Secret(TOKEN), admit_all, SIGN_IN)


def session(gate: Gate, port: int = 8080) -> str:
    answer = ask(gate, "/session", port, authorization=f"Bearer {TOKEN}")
    assert answer is not None
    assert answer.status == 204
    ((name, cookie),) = answer.headers
    assert name == "Set-Cookie"
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Strict")
    assert TOKEN not in cookie
    return cookie.partition(";")[0]


@pytest.mark.parametrize(
    ("path", "bare", "cookie", "header"),
    [
        ("/", 401, None, None),
        ("/dashboard", 401, None, None),
        ("/history", 401, None, None),
        ("/prometheus", 401, None, None),
        ("/nowhere", 401, None, None),
        ("/metrics", 401, 401, None),
        ("/healthz", None, None, None),
        ("/readyz", None, None, None),
        ("/static/app.js", None, None, None),
    ],
)
def test_what_is_open_to_whom(gate: Gate, path: str, bare: int | None, cookie: int | None, header: int | None) -> None:
    answers = [
        ask(gate, path),
        ask(gate, path, cookie=f"other=1; {session(gate)}"),
        ask(gate, path, authorization=f"Bearer {TOKEN}"),
    ]
    assert [a and a.status for a in answers] == [bare, cookie, header]


def test_the_page_asks_a_person_and_a_program_is_told_the_scheme(gate: Gate) -> None:
    assert ask(gate, "/") is SIGN_IN
    refusal = ask(gate, "/history")
    assert refusal is not None
    assert refusal.headers == [("WWW-Authenticate", 'Bearer realm="agbot monitor"')]


@settings(max_examples=50)
@given(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=60))
def test_no_other_text_opens_it(text: str) -> None:
    gate = Gate(Secret(TOKEN), admit_all, SIGN_IN)
    for header in (text, f"Bearer {text}", f"Basic {TOKEN}", f"Bearer {TOKEN}{text or 'x'}x"):
        assert header in {f"Bearer {TOKEN}"} or ask(gate, "/prometheus", authorization=header) is not None
        assert ask(gate, "/session", authorization=header) is not None
    assert ask(gate, "/prometheus", cookie=text) is not None
    assert ask(gate, "/prometheus", cookie=f"agbot_monitor_8080={text}") is not None
    assert ask(gate, "/prometheus", cookie=f"agbot_monitor_8080={TOKEN}") is not None


def test_a_session_is_of_one_port_and_one_token(gate: Gate) -> None:
    cookie = session(gate)
    assert ask(gate, "/", 9090, cookie=cookie) is SIGN_IN
    assert ask(Gate(Secret(TOKEN + "2"), admit_all, SIGN_IN), "/", cookie=cookie) is SIGN_IN
    assert ask(Gate(Secret(TOKEN), admit_all, SIGN_IN), "/", cookie=cookie) is None, "a restart signs nobody out"


def test_a_wrong_header_is_not_mended_by_a_cookie(gate: Gate) -> None:
    assert ask(gate, "/prometheus", cookie=session(gate), authorization="Bearer wrong") is not None


def test_strangers_are_refused_before_they_may_guess() -> None:
    forbidden = Response(403)
    gate = Gate(Secret(TOKEN), lambda *_: forbidden, SIGN_IN)
    assert ask(gate, "/session", authorization=f"Bearer {TOKEN}") is forbidden


def test_without_a_token_nobody_is_asked() -> None:
    gate = Gate(None, admit_all, SIGN_IN)
    assert [ask(gate, path) for path in ("/", "/dashboard", "/metrics", "/session")] == [None] * 4


@pytest.mark.parametrize("path", ["/metrics", "/dashboard"])
async def test_both_sockets_want_it(nursery: trio.Nursery, path: str) -> None:
    port = await start(nursery)
    with pytest.RaisesGroup(pytest.RaisesExc(ConnectionRejected), flatten_subgroups=True):
        async with open_websocket(f"ws://127.0.0.1:{port}{path}"):
            pytest.fail("opened")
    headers = [(name.encode(), value.encode()) for name, value in bearer(Secret(TOKEN)).items()]
    async with open_websocket(f"ws://127.0.0.1:{port}{path}", extra_headers=headers) as ws:
        assert ws.closed is None


async def test_a_bot_pushes_with_the_token(nursery: trio.Nursery) -> None:
    port = await start(nursery)
    registry = Registry(lambda: NS_PER_MS, run_id="r")
    url = f"ws://127.0.0.1:{port}/metrics"
    nursery.start_soon(lambda: push(registry, url, run_event={"run_id": "r", "mode": "DEMO"}, token=Secret(TOKEN)))
    headers = [(name.encode(), value.encode()) for name, value in bearer(Secret(TOKEN)).items()]
    async with open_websocket(f"ws://127.0.0.1:{port}/dashboard", extra_headers=headers) as page:
        with trio.fail_after(30):
            while '"mode":"DEMO"' not in await page.get_message():
                pass
    registry.close()


async def start(nursery: trio.Nursery) -> int:
    async def run(task_status: trio.TaskStatus[int]) -> None:
        await serve("127.0.0.1", 0, token=Secret(TOKEN), task_status=task_status)

    port: int = await nursery.start(run)
    return port
