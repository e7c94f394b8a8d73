"""The signature of a request under an API key, against the official client's."""

from __future__ import annotations

from collections.abc import Callable

from agbot.secrets import Secret
from agbot.venue.polymarket.auth import ApiCredentials
from benchmarks.timing import Case, Effort, Row, at_most, best_ns, not_installed

SECRET = "yMnKy8zNzs_Q0dLT1NXW19jZ2tvc3d7f4OHi4-Tl5uc="
STAMP = 1_790_000_000
ORDER = '{"order":{"salt":479249096354,"maker":"0x' + "f" * 600 + '"}}'
"""As long as an order's body."""
PEER = "py-clob-client"


def rows(effort: Effort) -> list[Row]:
    """Measure the HMAC of an order and of a request without a body, each from the body in the form its client has."""
    requests = {"HMAC of an order": ("POST", "/order", ORDER), "HMAC without a body": ("GET", "/data/orders", "")}
    theirs = _theirs()
    if theirs is None:
        return [not_installed(name, f"<= 0.5 x {PEER}", PEER) for name in requests]
    measured = []
    for name, request in requests.items():
        method, path, body = request
        mine = (method, path, body.encode())
        if _ours(*mine) != theirs(*request):
            raise ValueError(f"{name}: the two signatures differ")
        ns = best_ns({"ours": _repeat(_ours, mine), PEER: _repeat(theirs, request)}, effort)
        measured.append(at_most(name, 0.5, ns, "ours", PEER))
    return measured


_CREDENTIALS = ApiCredentials(key="key", secret=Secret(SECRET), passphrase=Secret("passphrase"))


def _ours(method: str, path: str, body: bytes) -> str:
    return _CREDENTIALS.hmac.sign(f"{STAMP}{method}{path}".encode() + body)


def _theirs() -> Callable[[str, str, str], str] | None:
    try:
        from py_clob_client.signing.hmac import build_hmac_signature  # noqa: PLC0415
    except ImportError:
        return None
    return lambda method, path, body: build_hmac_signature(SECRET, STAMP, method, path, body)


def _repeat(sign: Callable[..., str], request: tuple[object, ...]) -> Case:
    def case(count: int) -> None:
        for _ in range(count):
            sign(*request)

    return case
