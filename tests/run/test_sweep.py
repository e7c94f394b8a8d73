"""Cancelling until none is left: what a venue may do meanwhile, and what is known at the end."""

from __future__ import annotations

import attrs
import pytest
import trio

from agbot.errors import ExecutionError, VenueAmbiguous, VenueRefused, VenueThrottled, VenueUnavailable
from agbot.run.ours import WITHIN_S as OURS_WITHIN_S
from agbot.run.ours import OursOnly
from agbot.run.sweep import WITHIN_S, cancel_until_none, each
from agbot.testing.builders import make_order

LOST = VenueAmbiguous("lost")
NO = VenueRefused("no", code="x")
DOWN = VenueUnavailable("down", venue="test")
HANGS = "hangs"


@attrs.define
class Book:
    """What rests, and what the venue does with the next cancels and looks: fails, hangs, or its work (None)."""

    resting: list[str]
    cancels: list[object] = attrs.Factory(list)
    looks: list[object] = attrs.Factory(list)
    asked: list[str] = attrs.Factory(list)
    late: list[str] = attrs.Factory(list)

    async def look(self) -> list[str]:
        await self._do(self.looks)
        return list(self.resting)

    async def cancel(self, ids) -> None:
        await self._do(self.cancels)
        self.asked += ids
        self.resting = [order for order in self.resting if order not in ids]

    @staticmethod
    async def _do(plan: list[object]) -> None:
        next_ = plan.pop(0) if plan else None
        await trio.lowlevel.checkpoint()
        if isinstance(next_, ExecutionError):
            raise next_
        if next_ == HANGS:
            await trio.sleep_forever()


AB = ["a", "b"]
ROWS = {
    "at once": (Book(AB), []),
    "nothing rests": (Book([]), []),
    "a cancel is refused": (Book(AB, cancels=[NO]), []),
    "cancels get no answer": (Book(AB, cancels=[LOST, LOST, VenueThrottled("slow", retry_after_s=1.0)]), []),
    "reads fail in between": (Book(AB, looks=[DOWN, DOWN, DOWN]), []),
    "a read hangs": (Book(AB, looks=[HANGS]), []),
    "a cancel hangs that has done its work": (Book([], cancels=[HANGS]), []),
    "every cancel is refused": (Book(AB, cancels=[NO] * 99), AB),
    "every cancel hangs": (Book(AB, cancels=[HANGS] * 99), AB),
    "every read fails": (Book(AB, looks=[DOWN] * 999), None),
    "every read hangs": (Book(AB, looks=[HANGS] * 99), None),
}


@pytest.mark.parametrize("case", ROWS)
async def test_what_is_left_is_what_the_venue_shows(case, autojump_clock):
    made, left = ROWS[case]
    book = attrs.evolve(made, resting=[*made.resting], cancels=[*made.cancels], looks=[*made.looks])
    began = trio.current_time()
    assert await cancel_until_none(book.look, book.cancel, first=AB) == left
    assert trio.current_time() - began <= WITHIN_S + 0.01
    assert left != [] or book.resting == []


async def test_while_something_is_unanswered_no_look_is_the_last(autojump_clock):
    book, answered = Book([]), []

    async def arrive(task_status=trio.TASK_STATUS_IGNORED):
        task_status.started()
        await trio.sleep(2)
        book.resting.append("late")
        answered.append(True)

    async with trio.open_nursery() as nursery:
        await nursery.start(arrive)
        assert await cancel_until_none(book.look, book.cancel, answered=lambda: bool(answered)) == []
    assert (book.asked, book.resting) == (["late"], [])


async def test_what_is_never_answered_is_not_known(autojump_clock):
    book = Book([])
    assert await cancel_until_none(book.look, book.cancel, answered=lambda: False) is None


async def test_who_gives_up_on_it_waits_until_it_is_done(autojump_clock):
    book = Book(AB, cancels=[NO, NO])
    with trio.move_on_after(0.1):
        assert await cancel_until_none(book.look, book.cancel, first=AB) == []
    assert book.resting == []


async def test_one_that_is_refused_keeps_none_of_the_others():
    gone = []

    async def cancel(order_id: str) -> None:
        if order_id == "a":
            raise NO
        gone.append(order_id)

    await each(cancel, ["a", "b", "c"])
    assert gone == ["b", "c"]


# ---------------------------------------------------------------- a run whose wallet was taken


def ours(venue) -> OursOnly:
    venue.orders = {name: make_order(name) for name in ("r-1", "r-2", "other-1")}
    return OursOnly(venue, sparing=lambda: "the wallet was taken", is_ours=lambda name: name.startswith("r-"))


async def test_only_its_own_orders_are_taken_off(venue, autojump_clock):
    taken = await ours(venue).cancel_all()
    assert sorted(ack.order_id for ack in taken) == ["r-1", "r-2"]
    assert list(venue.orders) == ["other-1"]
    assert "cancel_all" not in venue.calls


@pytest.mark.parametrize("trouble", ["unread", "refused", "hangs"])
async def test_what_is_not_proven_is_a_doubt_within_the_backstops_patience(trouble, venue, autojump_clock):
    spared = ours(venue)
    if trouble == "unread":
        venue.on_open_orders = DOWN
    elif trouble == "refused":
        venue.on_cancel = NO
    else:
        venue.hang = {"cancel"}
    began = trio.current_time()
    with pytest.raises(VenueAmbiguous):
        await spared.cancel_all()
    assert trio.current_time() - began <= OURS_WITHIN_S + 0.01
