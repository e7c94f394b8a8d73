"""The table of further copies: what is in it, its bounds, and what is in no row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.errors import (
    VenueAmbiguous,
    VenueAuthFailed,
    VenueDuplicate,
    VenueForbidden,
    VenueHeld,
    VenueNotFound,
    VenueProtocolError,
    VenueRefused,
    VenueThrottled,
    VenueUnavailable,
)
from agbot.run.gateway import ON_THE_WIRE_S
from agbot.venue.polymarket.retry import POSTS, WITHIN_S, pause_s

DICE = st.floats(0, 1, exclude_max=True)


def of(kind, **more):
    if kind is VenueThrottled:
        more = {"retry_after_s": 0.0} | more
    return kind("so", venue="polymarket", **more)


@pytest.mark.parametrize("kind", POSTS)
@given(dice=DICE)
def test_pauses_are_jittered_and_end_within_the_bounds_of_the_table(kind, dice) -> None:
    again, passed_s, tries = POSTS[kind], 0.0, 1
    while (pause := pause_s(of(kind), tries, passed_s, dice)) is not None:
        whole_s = min(again.pause.first_s * 2 ** (tries - 1), again.pause.longest_s)
        assert whole_s / 2 <= pause <= whole_s
        passed_s += pause
        tries += 1
    assert tries == again.most
    assert passed_s <= WITHIN_S < ON_THE_WIRE_S


@pytest.mark.parametrize("kind", [VenueAuthFailed, VenueDuplicate, VenueForbidden, VenueHeld, VenueNotFound])
def test_what_is_in_no_row_is_never_posted_again(kind) -> None:
    assert pause_s(of(kind), 1, 0.0, 0.0) is None


def test_a_refusal_is_final() -> None:
    assert pause_s(of(VenueRefused, code="balance"), 1, 0.0, 0.0) is None


@pytest.mark.parametrize("kind", [VenueThrottled, VenueUnavailable])
@given(named_s=st.floats(0, 10), passed_s=st.floats(0, 10), dice=DICE)
def test_a_time_that_the_venue_names_is_kept_or_there_is_no_further_copy(kind, named_s, passed_s, dice) -> None:
    pause = pause_s(of(kind, retry_after_s=named_s), 1, passed_s, dice)
    if pause is None:
        assert passed_s + max(named_s, POSTS[kind].pause.longest_s) > WITHIN_S
    else:
        assert named_s <= pause <= WITHIN_S - passed_s


@pytest.mark.parametrize("kind", [VenueAmbiguous, VenueProtocolError, VenueUnavailable, VenueThrottled])
def test_no_copy_leaves_that_nobody_would_wait_for(kind) -> None:
    assert pause_s(of(kind), 1, WITHIN_S, 0.0) is None
