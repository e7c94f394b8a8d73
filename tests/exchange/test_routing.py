"""Requests find their routes, keys open them, refusals are answers."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.exchange.api import Ask, Reply, Routes, error
from agbot.exchange.clob.cursors import END, START, offset, page
from agbot.exchange.clob.keys import Keyring
from agbot.exchange.core.model import Refused
from agbot.exchange.routing import Gate, Router

NOW_S = 1_790_000_000
A = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


def refuse(ask: Ask) -> Reply:
    raise Refused(ask.query.get("text", "no"), int(ask.query.get("status", "400")))


ROUTES: Routes = {
    ("GET", "/a"): lambda ask: Reply(ask.tail),
    ("POST", "/a"): lambda ask: Reply(ask.json),
    ("GET", "/a/{}"): lambda ask: Reply(ask.tail),
    ("DELETE", "/a/b"): lambda _: Reply("b"),
    ("GET", "/refuse"): refuse,
}


def test_paths() -> None:
    router = Router(ROUTES)
    assert router(Ask(method="GET", path="/a")) == Reply("")
    assert router(Ask(method="GET", path="/a/b")) == Reply("b")
    assert router(Ask(method="DELETE", path="/a/b")) == Reply("b")
    for path in ("/", "", "a", "/b", "/a/b/c", "/a/", "/{}"):
        assert router(Ask(method="GET", path=path)) == error(404, "not found"), path
    reply = router(Ask(method="PUT", path="/a"))
    assert (reply.status, reply.headers) == (405, (("Allow", "GET, POST"),))
    reply = router(Ask(method="PUT", path="/a/b"))
    assert (reply.status, reply.headers) == (405, (("Allow", "DELETE, GET"),))


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("text=no&status=400", 400),
        ("text=market+not+found", 404),
        ("text=Unauthorized/Invalid+api+key", 401),
        ("text=context+canceled&status=500", 400),
        ("text=no&status=503", 503),
    ],
)
def test_refusals_are_answers(query: str, status: int) -> None:
    reply = Router(ROUTES)(Ask(method="GET", path="/refuse", query_text=query))
    assert (reply.status, list(reply.json)) == (status, ["error"])


def test_junk_is_no_payload() -> None:
    for body in (b"", b"{", b"\xff\xfe", b"[" * 100_000):
        assert Router(ROUTES)(Ask(method="POST", path="/a", body=body)) == error(400, "Invalid order payload")


def test_only_holders_of_keys_pass() -> None:
    keys = Keyring()
    key = keys.create(A)
    gate = Gate(keys, lambda: 5, lambda: NOW_S + 0.5)
    routes = gate.all_signed({("GET", "/me"): lambda ask: Reply([ask.address, ask.key])})
    headers = {
        "poly_address": A.lower(),
        "poly_api_key": key.key,
        "poly_passphrase": key.passphrase,
        "poly_timestamp": str(NOW_S),
        "poly_signature": key.signature(str(NOW_S), "GET", "/me", b""),
    }
    assert Router(routes)(Ask(method="GET", path="/me", query_text="x=1", headers=headers)) == Reply([A, key.key])
    assert Router(routes)(Ask(method="GET", path="/me")) == error(401, "Unauthorized/Invalid api key")


# ---------------------------------------------------------------- pages


def cursor_page(rows: list[int], cursor: str | None) -> dict[str, object]:
    query = "" if cursor is None else f"next_cursor={cursor}"
    told: dict[str, object] = page(Ask(method="GET", path="/", query_text=query), rows, lambda row: row).json
    return told


@given(st.integers(0, 350))
def test_pages_cover_the_list_once(length: int) -> None:
    rows, seen, cursor = list(range(length)), [], None
    while cursor != END:
        told = cursor_page(rows, cursor)
        assert (told["limit"], told["count"]) == (100, len(told["data"]))  # type: ignore[arg-type]
        seen += told["data"]  # type: ignore[operator]
        cursor = str(told["next_cursor"])
    assert seen == rows


def test_cursors() -> None:
    assert cursor_page([1, 2], START) == cursor_page([1, 2], None) == cursor_page([1, 2], "")
    assert cursor_page([1, 2], "MTAw") == {"limit": 100, "count": 0, "next_cursor": END, "data": []}
    assert cursor_page([1, 2], END)["data"] == []
    assert (offset(START), offset(END), offset("MTAw")) == (0, -1, 100)
    for junk in ("x", "LTI=", "a" * 1000, "MS41", "é"):
        with pytest.raises(Refused, match="next_cursor"):
            offset(junk)
    assert json.dumps(cursor_page([], None))
