"""The account as a bot sees it that must not trade with it: figures at the venue, and whose orders rest there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import trio

from agbot.errors import AgbotError, ExecutionError
from agbot.log import get_logger
from agbot.model.market import Market
from agbot.run.explain import Known, Names
from agbot.run.fence import Holder
from agbot.run.live import read_account
from agbot.run.lock import wallet_holder
from agbot.store.carry import Past
from agbot.units import NS_PER_S, to_text, usd_text
from agbot.venue.polymarket.access import Access
from agbot.venue.polymarket.signer import Signer

NAMED: Final = 10
RUNS: Final = "runs"

log = get_logger(__name__)


class Onlooker:
    """Reads the account every so often, and tells it.

    An order is the holder's when its journal explains it; else it is foreign.
    """

    def __init__(self, access: Access, signer: Signer, markets: Sequence[Market], every_ns: int) -> None:
        self._access = access
        self._wallet = signer.account.maker
        self._names = Names(access.clob, signer)
        self._markets = markets
        self._every_s = every_ns / NS_PER_S
        self._told: dict[str, Any] = {}
        self._failed = 0

    def report(self) -> dict[str, Any]:
        """Return what was read last, for a status."""
        return {**self._told, "failed_reads": self._failed}

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Read until cancelled; a read that fails leaves what was read before, and is counted."""
        task_status.started()
        while True:
            await trio.sleep(self._every_s)
            try:
                await self.look()
            except ExecutionError as e:
                self._failed += 1
                log.warning("account.unread", error=str(e), failed=self._failed)

    async def look(self) -> None:
        """Read once. Raises what the reads raise."""
        clob = self._access.clob
        account = await read_account(clob, self._access.data, self._wallet, self._markets)
        resting = [order.id for order in await clob.open_orders()]
        holder = wallet_holder(self._wallet)
        known = await self._explained(holder, resting) if holder else {}
        foreign = [order_id for order_id in resting if order_id not in known]
        self._told = {
            "holder": str(holder) if holder else "",
            "cash_usd": usd_text(account.cash),
            "positions": [
                {"market": p.market, "outcome": p.outcome, "size": to_text(p.size)} for p in account.positions
            ],
            "holders_orders": len(resting) - len(foreign),
            "foreign_orders": len(foreign),
            "foreign": foreign[:NAMED],
        }

    async def _explained(self, holder: Holder, resting: Sequence[str]) -> dict[str, Known]:
        found: dict[str, Known] = {}
        for path in _journals(holder):
            try:
                past = Past.read(path)
            except AgbotError as e:
                log.info("holder.journal_unread", path=str(path), error=str(e))
                continue
            found |= await self._names.known(reversed(past.sent()), resting)
        return found


def _journals(holder: Holder) -> Iterator[Path]:
    """Yield the holder's journal, as far as it can be found: it may be another person's."""
    path = Path(holder.state_dir) / RUNS / f"{holder.run_id}.agj"
    if holder.state_dir and holder.run_id and path.is_file():
        yield path
