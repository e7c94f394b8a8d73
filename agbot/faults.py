"""The fault catalogue: everything the venue was ever seen doing wrong, by name, each with the thread it comes from.

`FaultPlan` says when they strike. The exchange applies them (`agbot.exchange.mischief`); `docs/faults.md` lists them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from agbot.fault_plan import Plan
from agbot.fault_switch import Fault, Parameter, Where

__all__ = ["CATALOGUE", "Fault", "FaultPlan", "Parameter", "Where"]

_CLOB: Final = "Polymarket/py-clob-client"
_CLOB2: Final = "Polymarket/py-clob-client-v2"
_NAUTILUS: Final = "nautechsystems/nautilus_trader"

_ORDERS: Final = ("POST /order", "POST /orders")
_CANCELS: Final = ("DELETE /order", "DELETE /orders", "DELETE /cancel-all", "DELETE /cancel-market-orders")
_BOOKS: Final = ("GET /book", "POST /books")
_SIGNED: Final = (
    *_ORDERS,
    *_CANCELS,
    "GET /data/*",
    "* /balance-allowance*",
    "* /auth/api-keys",
    "POST /v1/heartbeats",
)
_FEEDS: Final = ("market", "user")

_ACTED: Final = Parameter(name="acted", default=False, says="whether the exchange acts on the request all the same")
_RESET: Final = Parameter(name="reset", default=False, says="end by a TCP reset instead of a plain close")
_RETRY: Final = Parameter(name="retry_after_s", default=79, says="what the answer promises", high=86_400)


def _delay(default: float, says: str) -> Parameter:
    return Parameter(name="delay_s", default=default, says=says, high=600)


_LIST: Final = (
    # ------------------------------------------------------------ requests
    Fault(
        name="request_lost",
        where=Where.REQUEST,
        sees="the connection ends without an answer; nothing was done",
        threads=(f"{_CLOB2}#84", f"{_CLOB}#261"),
        parameters=(_RESET,),
        reach={"path": _ORDERS},
    ),
    Fault(
        name="restart_425",
        where=Where.REQUEST,
        sees="425 on orders and cancels while the engine restarts, then post-only mode, then all is well",
        threads=(f"{_CLOB}#286", f"{_CLOB}#273"),
        parameters=(
            Parameter(name="restart_s", default=90.0, says="how long 425 lasts"),
            Parameter(name="post_only_s", default=120.0, says="how long post-only mode lasts after it"),
        ),
        reach={"path": (*_ORDERS, *_CANCELS)},
        lasts=("restart_s", "post_only_s"),
    ),
    Fault(
        name="trading_disabled_503",
        where=Where.REQUEST,
        sees="503 'Trading is currently disabled' on orders and cancels",
        threads=(f"{_CLOB}#286",),
        reach={"path": (*_ORDERS, *_CANCELS)},
    ),
    Fault(
        name="cancel_only_503",
        where=Where.REQUEST,
        sees="503 'Trading is currently cancel-only' on orders; cancels work",
        threads=(f"{_CLOB}#286",),
        reach={"path": _ORDERS},
    ),
    Fault(
        name="post_only_503",
        where=Where.REQUEST,
        sees="503 with code post_only_mode on orders that are not post-only; cancels work",
        threads=(f"{_CLOB}#286", f"{_CLOB}#273"),
        parameters=(_RETRY,),
        reach={"path": _ORDERS},
    ),
    Fault(
        name="throttled_429",
        where=Where.REQUEST,
        sees="429, from the per-signer limiter with its Poly-RateLimit headers or from the per-IP one as plain text",
        threads=(f"{_CLOB}#147", "Polymarket/poly-market-maker#78"),
        parameters=(
            Parameter(name="kind", default="signer", says="whose limiter", choices=("signer", "ip")),
            Parameter(
                name="retry_after", default="seconds", says="how the wait is told", choices=("seconds", "date", "none")
            ),
            Parameter(name="wait_s", default=1, says="the wait"),
        ),
    ),
    Fault(
        name="html_403",
        where=Where.REQUEST,
        sees="403 with a Cloudflare page instead of JSON on every POST",
        threads=(f"{_CLOB}#101", f"{_CLOB}#143", f"{_CLOB}#262"),
        reach={"path": ("POST *",)},
    ),
    Fault(
        name="engine_500",
        where=Where.REQUEST,
        sees="500 'could not run the execution' or another text of a busy engine",
        threads=(f"{_CLOB}#331", f"{_CLOB}#286"),
        parameters=(
            Parameter(
                name="why",
                default="could not run the execution",
                says="the text",
                choices=("could not run the execution", "order timed out", "could not insert order"),
            ),
            _ACTED,
        ),
        reach={"path": _ORDERS},
    ),
    Fault(
        name="key_revoked",
        where=Where.REQUEST,
        sees="401 'Unauthorized/Invalid api key' on every signed request; the user socket is closed with 1008",
        threads=(f"{_CLOB}#164", f"{_CLOB}#249", f"{_CLOB}#270"),
        reach={"path": _SIGNED, "channel": ("user",)},
    ),
    Fault(
        name="geo_block",
        where=Where.REQUEST,
        sees="/geoblock says blocked, and orders are refused with 403 'Trading restricted in your region'",
        threads=(f"{_CLOB}#152", "Polymarket/clob-client#231"),
        parameters=(Parameter(name="country", default="GB", says="the country told"),),
        reach={"path": (*_ORDERS, "GET /geoblock", "GET /api/geoblock")},
    ),
    Fault(
        name="not_canceled",
        where=Where.REQUEST,
        sees="200 with every id under not_canceled; the orders live on and may still match",
        threads=("Polymarket/ts-sdk#98", "Polymarket/clob-client#244"),
        parameters=(
            Parameter(name="reason", default="order is in a delay window and cannot be canceled", says="the reason"),
            _ACTED,
        ),
        reach={"path": _CANCELS},
    ),
    Fault(
        name="partial_batch",
        where=Where.REQUEST,
        sees="some orders of a batch come back with success true, no orderID and an errorMsg; they were not taken",
        threads=("Vex-Foundation/Vex#28", f"{_NAUTILUS}#3506"),
        parameters=(Parameter(name="every", default=2, says="which orders: each so-manieth", low=1, high=15),),
        reach={"path": ("POST /orders",)},
    ),
    Fault(
        name="delayed_order",
        where=Where.REQUEST,
        sees="a marketable order is answered 'delayed' and matches, or not, only later",
        threads=("valory-xyz/trader#942", "Polymarket/py-sdk#228"),
        parameters=(_delay(1.0, "how long it waits"),),
        reach={"path": _ORDERS},
    ),
    # ------------------------------------------------------------ replies
    Fault(
        name="reply_lost",
        where=Where.REPLY,
        sees="the connection ends without an answer; the order was taken",
        threads=(f"{_CLOB}#273", f"{_CLOB}#261"),
        parameters=(_RESET,),
        reach={"path": _ORDERS},
    ),
    Fault(
        name="slow_reply",
        where=Where.REPLY,
        sees="the answer comes late, after the exchange acted",
        threads=("Polymarket/clob-client#244", f"{_CLOB}#273"),
        parameters=(_delay(2.0, "how late"),),
    ),
    Fault(
        name="truncated_json_reply",
        where=Where.REPLY,
        sees="200 with half a JSON body, either as long as it says or cut off",
        threads=("pmxt-dev/pmxt#1776", f"{_CLOB}#273"),
        parameters=(
            Parameter(name="framing", default="whole", says="what Content-Length says", choices=("whole", "broken")),
        ),
    ),
    Fault(
        name="unmatched_order",
        where=Where.REPLY,
        sees="an order that matched is answered 'unmatched', without amounts or trades",
        threads=("qualiaenjoyer/polymarket-apis#10", "Polymarket/ts-sdk#264"),
        reach={"path": _ORDERS},
    ),
    Fault(
        name="stale_book",
        where=Where.REPLY,
        sees="REST books stay as they were at the first read; the socket goes on",
        threads=(f"{_CLOB}#180", "gateio/rest-v4#4"),
        reach={"path": _BOOKS},
    ),
    Fault(
        name="ghost_book",
        where=Where.REPLY,
        sees="REST books show one bid at 0.01 and one ask at 0.99 while the market is alive",
        threads=(f"{_CLOB}#180",),
        parameters=(Parameter(name="size", default=1000, says="shares on both levels", low=1, high=10**9),),
        reach={"path": _BOOKS},
    ),
    Fault(
        name="empty_data_orders_page",
        where=Where.REPLY,
        sees="the read of open orders is a well-formed empty page while orders rest",
        threads=(f"{_NAUTILUS}#4230",),
        reach={"path": ("GET /data/orders",)},
    ),
    # ------------------------------------------------------------ frames
    Fault(
        name="duplicated_frames",
        where=Where.FRAME,
        sees="the same message again",
        threads=(f"{_NAUTILUS}#3403",),
        parameters=(Parameter(name="copies", default=1, says="how many more", low=1, high=100),),
    ),
    Fault(
        name="reordered_frames",
        where=Where.FRAME,
        sees="messages overtake each other: a trade after the cancellation it preceded",
        threads=(f"{_NAUTILUS}#3797", "barter-rs/barter-rs#206"),
        parameters=(_delay(0.2, "how long an overtaken message waits"),),
        probability=0.5,
    ),
    Fault(
        name="delayed_frames",
        where=Where.FRAME,
        sees="messages come late, in order",
        threads=(f"{_CLOB}#261", f"{_CLOB2}#34"),
        parameters=(_delay(2.0, "how late"),),
    ),
    Fault(
        name="dropped_frames",
        where=Where.FRAME,
        sees="messages are missing; the link looks healthy",
        threads=("ccxt/ccxt#19152", "QuantConnect/Lean.Brokerages.InteractiveBrokers#249"),
        probability=0.3,
    ),
    Fault(
        name="bad_json_frame",
        where=Where.FRAME,
        sees="a message that is cut in the middle of its JSON",
        threads=("pmxt-dev/pmxt#1776", f"{_NAUTILUS}#3558"),
        parameters=(Parameter(name="instead", default=False, says="in place of the whole one, not before it"),),
        reach={"channel": _FEEDS},
    ),
    Fault(
        name="unknown_event_types",
        where=Where.FRAME,
        sees="events of a type nobody documented, in one array with known ones",
        threads=(f"{_NAUTILUS}#4604", f"{_NAUTILUS}#4788"),
        parameters=(Parameter(name="type", default="auto_redeem", says="the event_type"),),
        reach={"channel": _FEEDS},
    ),
    Fault(
        name="crossed_book",
        where=Where.FRAME,
        sees="a bid at or above the best ask for a moment",
        threads=("nevuamarkets/poly-websockets#25",),
        parameters=(_delay(0.5, "how long until it is taken back"),),
        reach={"channel": ("market",), "event": ("price_change", "book")},
    ),
    Fault(
        name="wrong_hash",
        where=Where.FRAME,
        sees="book hashes, on the socket and by REST, that are not the book's",
        threads=(f"{_CLOB2}#117", f"{_CLOB}#232", "hbr-l/polypy#6"),
        reach={"channel": ("market",), "path": _BOOKS},
    ),
    Fault(
        name="missing_market_resolved",
        where=Where.FRAME,
        sees="a market resolves and no market_resolved is told",
        threads=("Polymarket/rs-clob-client#226",),
        reach={"event": ("market_resolved",)},
    ),
    Fault(
        name="tick_change_unannounced",
        where=Where.FRAME,
        sees="a tick becomes finer and no tick_size_change is told",
        threads=(f"{_CLOB}#122", f"{_CLOB}#329", "Polymarket/clob-client#232"),
        reach={"event": ("tick_size_change",)},
    ),
    Fault(
        name="missing_user_events",
        where=Where.FRAME,
        sees="a fill is not told on the user socket",
        threads=(f"{_NAUTILUS}#4876", "ccxt/ccxt#19152"),
        reach={"channel": ("user",), "event": ("trade",)},
    ),
    Fault(
        name="late_user_events",
        where=Where.FRAME,
        sees="orders and fills are told on the user socket long after they happened",
        threads=(f"{_CLOB}#261", f"{_NAUTILUS}#3797"),
        parameters=(_delay(40.0, "how late"),),
        reach={"channel": ("user",), "event": ("trade", "order")},
    ),
    Fault(
        name="duplicate_trade_ids",
        where=Where.FRAME,
        sees="all trades of one taker order carry one id, so one id hits several own orders",
        threads=(f"{_NAUTILUS}#3450",),
        reach={"channel": ("user",), "path": ("GET /data/trades", *_ORDERS), "event": ("trade",)},
    ),
    Fault(
        name="oversize_frame_1009",
        where=Where.FRAME,
        sees="a message above 1 MiB, at which many clients close with 1009",
        threads=("python-websockets/websockets#1247", "TexasCoding/project-x-py#128"),
        parameters=(Parameter(name="bytes", default=1_100_000, says="its length", low=1024, high=16 * 1024 * 1024),),
        reach={"channel": _FEEDS},
    ),
    # ------------------------------------------------------------ connections
    Fault(
        name="silent_socket",
        where=Where.CONNECTION,
        sees="nothing comes any more on an open socket; PONGs go on",
        threads=(f"{_CLOB}#292", "Polymarket/rs-clob-client-v2#60", "Polymarket/py-sdk#307"),
    ),
    Fault(
        name="no_pong",
        where=Where.CONNECTION,
        sees="PINGs are not answered; messages go on",
        threads=("Polymarket/real-time-data-client#35", "Polymarket/real-time-data-client#26"),
    ),
    Fault(
        name="disconnect_storm",
        where=Where.CONNECTION,
        sees="every socket is accepted and closed at once",
        threads=("qualiaenjoyer/polymarket-apis#90", "Polymarket/rs-clob-client#185"),
        parameters=(Parameter(name="open_s", default=0.0, says="how long it stays open"),),
    ),
    Fault(
        name="socket_reset",
        where=Where.CONNECTION,
        sees="an open socket ends by a TCP reset, without a close frame",
        threads=("Polymarket/polymarket-us-python#3", "hummingbot/hummingbot#3915"),
        parameters=(_delay(0.0, "how long after the switch, or after it was opened"),),
    ),
    # ------------------------------------------------------------ core and clock
    Fault(
        name="provisional_trade_fails",
        where=Where.CORE,
        sees="a MATCHED trade ends FAILED and its shares never come",
        threads=(f"{_CLOB2}#34", f"{_CLOB}#338", f"{_NAUTILUS}#4876"),
    ),
    Fault(
        name="settlement_retries",
        where=Where.CORE,
        sees="a trade goes through RETRYING before it is CONFIRMED",
        threads=(f"{_NAUTILUS}#4876", f"{_CLOB2}#100"),
    ),
    Fault(
        name="slow_settlement",
        where=Where.CORE,
        sees="a trade stays MATCHED for a long time; the shares cannot be sold",
        threads=(f"{_CLOB2}#34", f"{_CLOB2}#100"),
        parameters=(_delay(50.0, "how much later than usual"),),
    ),
    Fault(
        name="matched_not_released",
        where=Where.CORE,
        sees="400 'not enough balance': the gate still counts orders that were matched and settled",
        threads=(f"{_CLOB}#342", f"{_CLOB}#287"),
    ),
    Fault(
        name="clock_jump",
        where=Where.CLOCK,
        sees="/time and the timestamps of books and messages are off",
        threads=(f"{_CLOB}#249", f"{_CLOB}#270"),
        parameters=(Parameter(name="jump_s", default=300.0, says="how far; negative is back", low=-1e7, high=1e7),),
        reach={"path": ("GET /time", *_BOOKS)},
    ),
)

CATALOGUE: Final[Mapping[str, Fault]] = {fault.name: fault for fault in _LIST}
"""Every fault by its name, in the order of `docs/faults.md`."""


class FaultPlan(Plan):
    """Which faults of `CATALOGUE` are on, and when they strike; what a seed decides is the same in every run."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(CATALOGUE, seed)
