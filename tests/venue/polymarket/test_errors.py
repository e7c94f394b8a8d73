"""Every text and status the venue is known to answer with, and what the caller may do next."""

from email.utils import formatdate

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.errors import (
    ExecutionError,
    VenueAmbiguous,
    VenueAuthFailed,
    VenueDuplicate,
    VenueForbidden,
    VenueNotFound,
    VenueRefused,
    VenueThrottled,
    VenueUnavailable,
)
from agbot.venue.polymarket.errors import (
    RETRY_AFTER_MAX_S,
    TABLE,
    Answer,
    Operation,
    Phase,
    TradingMode,
    lost,
    order_refusal,
    read_answer,
    refusal,
    row_of,
)
from agbot.venue.polymarket.wire.rest import OrderReply

SUBMIT, CANCEL, READ, HEARTBEAT, AUTH = Operation
HTML = b"<!DOCTYPE html><html><title>Attention Required! | Cloudflare</title></html>"


# (operations, status, the venue's text, class, code). Texts as the venue writes them.
ROWS: list[tuple[tuple[Operation, ...], int, str, type[ExecutionError], str]] = [
    ((SUBMIT,), 400, "order 0xab is invalid. Duplicated.", VenueDuplicate, "duplicate"),
    ((SUBMIT,), 400, "order_version_mismatch", VenueRefused, "version"),
    ((SUBMIT,), 400, "the order owner has to be the owner of the API KEY", VenueAuthFailed, "owner"),
    ((SUBMIT,), 400, "the order signer address has to be the address of the API KEY", VenueAuthFailed, "signer"),
    ((SUBMIT,), 400, "maker address not allowed, please use the deposit wallet flow", VenueAuthFailed, "wallet"),
    ((SUBMIT,), 400, "invalid signature", VenueAuthFailed, "signature"),
    ((SUBMIT,), 400, "'0xabc' address banned", VenueForbidden, "banned"),
    ((SUBMIT,), 400, "'0xabc' address in closed only mode", VenueRefused, "closed_only"),
    (
        (SUBMIT,),
        400,
        "order 0xab is invalid. Price (0.485) breaks minimum tick size rule: 0.01",
        VenueRefused,
        "tick",
    ),
    ((SUBMIT,), 400, "order 0xab is invalid. Size (1) lower than the minimum: 5", VenueRefused, "min_size"),
    ((SUBMIT,), 400, "order 0xab crosses the book", VenueRefused, "crosses"),
    ((SUBMIT,), 400, "invalid post-only order: order crosses book", VenueRefused, "crosses"),
    ((SUBMIT,), 400, "not enough balance / allowance: the balance is 5", VenueRefused, "balance"),
    ((SUBMIT,), 400, "the allowance is not enough", VenueRefused, "allowance"),
    ((SUBMIT,), 400, "the balance is not enough", VenueRefused, "balance"),
    ((SUBMIT,), 400, "invalid expiration", VenueRefused, "expiration"),
    ((SUBMIT,), 400, "invalid nonce", VenueRefused, "nonce"),
    (
        (SUBMIT,),
        400,
        "order couldn't be fully filled. FOK orders are fully filled or killed.",
        VenueRefused,
        "unfilled",
    ),
    ((SUBMIT,), 400, "no orders found to match with FAK order. FAK orders are", VenueRefused, "unfilled"),
    ((SUBMIT,), 400, "the market is not yet ready to process new orders", VenueRefused, "not_ready"),
    ((SUBMIT,), 400, "order match delayed due to market conditions", VenueAmbiguous, "delayed"),
    (
        (SUBMIT,),
        400,
        "invalid amounts, the market buy orders maker amount supports a max accuracy of 2 decimals",
        VenueRefused,
        "amounts",
    ),
    ((SUBMIT,), 400, "invalid amount for a marketable BUY order ($0.5), min size: $1", VenueRefused, "min_notional"),
    ((SUBMIT,), 400, "Too many orders in payload: 16, max allowed: 15", VenueRefused, "batch"),
    ((SUBMIT,), 400, "something new", VenueRefused, "refused"),
    ((SUBMIT, CANCEL), 400, "context canceled", VenueAmbiguous, "interrupted"),
    ((READ, HEARTBEAT, AUTH), 400, "context canceled", VenueUnavailable, "interrupted"),
    ((AUTH,), 400, "Could not create api key", VenueRefused, "key_exists"),
    ((AUTH,), 400, "Could not derive api key!", VenueRefused, "no_key"),
    ((HEARTBEAT,), 400, "Invalid Heartbeat ID", VenueRefused, "heartbeat"),
    ((READ, CANCEL), 400, "order not found", VenueNotFound, "not_found"),
    (tuple(Operation), 401, "Unauthorized/Invalid api key", VenueAuthFailed, "unauthorized"),
    ((AUTH,), 401, "Invalid L1 Request headers", VenueAuthFailed, "unauthorized"),
    (tuple(Operation), 403, "a page instead of JSON", VenueForbidden, "forbidden"),
    ((SUBMIT,), 404, "No orderbook exists for the requested token id", VenueRefused, "no_market"),
    ((SUBMIT,), 404, "market not found", VenueRefused, "no_market"),
    ((SUBMIT, CANCEL), 404, "a page instead of JSON", VenueAmbiguous, "page"),
    ((READ,), 404, "a page instead of JSON", VenueUnavailable, "page"),
    ((READ, CANCEL), 404, "market not found", VenueNotFound, "not_found"),
    ((READ,), 404, "No orderbook exists for the requested token id", VenueNotFound, "not_found"),
    ((SUBMIT, CANCEL), 408, "", VenueAmbiguous, "interrupted"),
    ((READ,), 408, "", VenueUnavailable, "interrupted"),
    (tuple(Operation), 425, "", VenueUnavailable, "restarting"),
    (tuple(Operation), 429, "Too Many Requests", VenueThrottled, "throttled"),
    (tuple(Operation), 403, "error code: 1015", VenueThrottled, "throttled"),
    ((SUBMIT,), 500, "order timed out", VenueUnavailable, "timed_out"),
    ((SUBMIT,), 500, "could not run the execution", VenueAmbiguous, "engine"),
    ((SUBMIT,), 500, "could not insert order", VenueAmbiguous, "engine"),
    ((SUBMIT,), 500, "there are no matching orders", VenueAmbiguous, "engine"),
    ((SUBMIT,), 500, "the trade contains rounding issues", VenueAmbiguous, "engine"),
    (
        (SUBMIT,),
        500,
        "the price of the taker's order has a discrepancy greater than allowed with the worst maker order",
        VenueAmbiguous,
        "engine",
    ),
    ((SUBMIT,), 503, "Service is not ready", VenueAmbiguous, "engine"),
    ((SUBMIT, CANCEL), 500, "", VenueAmbiguous, "broke"),
    ((READ, HEARTBEAT, AUTH), 500, "order timed out", VenueUnavailable, "broke"),
    ((SUBMIT, CANCEL), 502, "a page instead of JSON", VenueAmbiguous, "broke"),
    ((READ,), 520, "", VenueUnavailable, "broke"),
    ((SUBMIT,), 302, "", VenueAmbiguous, "broke"),
    (tuple(Operation), 503, "Trading is currently disabled. Check later", VenueUnavailable, "disabled"),
    (tuple(Operation), 503, "Trading is currently cancel-only. New orders", VenueUnavailable, "cancel_only"),
    (
        tuple(Operation),
        503,
        "post-only mode: only post-only orders and cancels are allowed",
        VenueUnavailable,
        "post_only_mode",
    ),
]


@pytest.mark.parametrize(("operations", "status", "text", "error", "code"), ROWS)
def test_what_an_answer_means(
    operations: tuple[Operation, ...], status: int, text: str, error: type[ExecutionError], code: str
) -> None:
    for operation in operations:
        found = refusal(operation, Answer(status=status, text=text))
        assert type(found) is error, operation
        assert row_of(operation, Answer(status=status, text=text)).code == code
        assert found.venue == "polymarket"
        assert (text or "no reason given") in found.reason
        assert not isinstance(found, VenueRefused) or found.code == code


def test_every_line_of_the_table_is_reached() -> None:
    cases = [(op, Answer(status=status, text=text)) for ops, status, text, *_ in ROWS for op in ops]
    cases += [(op, Answer(status=503, code="post_only_mode")) for op in Operation]
    cases += [(op, Answer(status=499)) for op in Operation]
    reached = [row_of(operation, answer) for operation, answer in cases]
    assert [row for row in TABLE if not any(row is r for r in reached)] == []


@pytest.mark.parametrize(
    ("status", "text", "code", "mode"),
    [
        (425, "", "", TradingMode.RESTARTING),
        (503, "", "post_only_mode", TradingMode.POST_ONLY),
        (503, "Trading is currently disabled", "", TradingMode.DISABLED),
        (503, "Trading is currently cancel-only", "", TradingMode.CANCEL_ONLY),
        (500, "order timed out", "", None),
    ],
)
def test_modes(status: int, text: str, code: str, mode: TradingMode | None) -> None:
    assert row_of(SUBMIT, Answer(status=status, text=text, code=code)).mode is mode


@pytest.mark.parametrize("operation", Operation)
def test_silence_leaves_a_doubt_only_where_something_may_have_been_done(operation: Operation) -> None:
    assert type(lost(operation, Phase.NOT_SENT, "ConnectError")) is VenueUnavailable
    doubtful = operation in {SUBMIT, CANCEL}
    assert type(lost(operation, Phase.MAYBE_SENT, "ReadError")) is (VenueAmbiguous if doubtful else VenueUnavailable)


@given(
    st.sampled_from(Operation),
    st.integers(100, 599),
    st.one_of(st.text(max_size=50), st.sampled_from([text for _, _, text, _, _ in ROWS])),
    st.text(max_size=20),
)
def test_every_answer_means_something(operation: Operation, status: int, text: str, code: str) -> None:
    found = refusal(operation, Answer(status=status, text=text, code=code))
    assert isinstance(found, ExecutionError)
    proof = 400 <= status < 500
    if (
        operation is SUBMIT
        and not proof
        and row_of(operation, Answer(status=status, text=text, code=code)).code
        in {
            "broke",
            "engine",
        }
    ):
        assert isinstance(found, VenueAmbiguous)


def reply(*, success: bool = True, error: str = "", order_id: str = "", status: str = "") -> OrderReply:
    return OrderReply(success=success, error_msg=error, order_id=order_id, status=status)


@pytest.mark.parametrize(
    ("said", "error", "code"),
    [
        (reply(order_id="0x1", status="live"), None, ""),
        (reply(order_id="0x1", status="matched"), None, ""),
        (reply(order_id="0x1", status="delayed"), None, ""),
        (reply(order_id="0x1", status="unmatched"), VenueAmbiguous, ""),
        (reply(order_id="0x1", status="new word"), VenueAmbiguous, ""),
        (reply(order_id="0x1", error="new words"), VenueAmbiguous, ""),
        (reply(order_id="0x1", success=False), VenueAmbiguous, ""),
        (reply(order_id="0x1", error="order 0x1 crosses the book"), VenueRefused, "crosses"),
        (reply(error="not enough balance / allowance"), VenueRefused, "balance"),
        (reply(error="new words"), VenueRefused, "refused"),
        (reply(error="order 0x1 is invalid. Duplicated."), VenueDuplicate, ""),
        (reply(error="could not run the execution"), VenueAmbiguous, ""),
        (reply(error="order timed out"), VenueUnavailable, ""),
        (reply(error="context canceled"), VenueAmbiguous, ""),
        (reply(), VenueRefused, "refused"),
        (reply(success=False), VenueRefused, "refused"),
    ],
)
def test_a_200_is_no_acceptance_by_itself(said: OrderReply, error: type[ExecutionError] | None, code: str) -> None:
    found = order_refusal(said)
    assert (type(found) if found else None) is error
    assert (found.code if isinstance(found, VenueRefused) else "") == code


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({}, b'{"error":"no"}', Answer(status=400, text="no")),
        (
            {},
            b'{"error":"no","code":"c","retry_after_seconds":79}',
            Answer(status=400, text="no", code="c", retry_after_s=79),
        ),
        ({"retry-after": "3"}, b'{"retry_after_seconds":79}', Answer(status=400, retry_after_s=3)),
        ({"retry-after": formatdate(1_000_005, usegmt=True)}, b"", Answer(status=400, retry_after_s=5)),
        ({"retry-after": formatdate(999, usegmt=True)}, b"", Answer(status=400, retry_after_s=0)),
        ({"retry-after": "9" * 400}, b"", Answer(status=400, retry_after_s=RETRY_AFTER_MAX_S)),
        ({"retry-after": "-1"}, b"", Answer(status=400)),
        ({"retry-after": "soon"}, b"", Answer(status=400)),
        ({}, b'{"error_msg":"Invalid Heartbeat ID"}', Answer(status=400, text="Invalid Heartbeat ID")),
        ({}, b'"text"', Answer(status=400, text="text")),
        ({}, b"plain text", Answer(status=400, text="plain text")),
        ({"content-type": "text/html"}, HTML, Answer(status=400, text="a page instead of JSON")),
        ({}, HTML, Answer(status=400, text="a page instead of JSON")),
        ({"content-type": "text/html"}, b"<html>error 1015</html>", Answer(status=400, text="error code: 1015")),
        ({}, b"[" * 5000, Answer(status=400, text="[" * 300)),
        ({}, b"\xff\xfe", Answer(status=400, text="\ufffd\ufffd")),
    ],
)
def test_an_answer_is_read_whatever_it_is(headers: dict[str, str], body: bytes, expected: Answer) -> None:
    assert read_answer(400, headers, body, now_s=1_000_000) == expected


@given(
    st.binary(max_size=200),
    st.dictionaries(st.sampled_from(["retry-after", "content-type"]), st.text(max_size=40)),
    st.integers(0, 2**40),
)
def test_no_body_and_no_header_breaks_the_reader(body: bytes, headers: dict[str, str], now_s: int) -> None:
    answer = read_answer(500, headers, body, now_s=now_s)
    assert len(answer.text) <= 300
    assert answer.retry_after_s is None or 0 <= answer.retry_after_s <= RETRY_AFTER_MAX_S


@given(
    st.recursive(st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=9), st.lists, max_leaves=4)
)
def test_any_json_is_read(value: object) -> None:
    body = {"error": value, "code": value, "retry_after_seconds": value}
    assert read_answer(400, {}, msgspec.json.encode(body), now_s=0).status == 400


def test_a_reason_is_cut_and_names_its_status() -> None:
    found = refusal(READ, Answer(status=500, text="x" * 1000))
    assert found.reason == "x" * 300 + " (HTTP 500)"
