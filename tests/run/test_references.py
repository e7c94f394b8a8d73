"""From the configuration to feeds of reference prices; and what is said of topics that do not exist."""

from __future__ import annotations

import json

import pytest

from agbot.config import read_settings
from agbot.errors import ConfigError
from agbot.located import loads
from agbot.run.references import reference_feeds
from agbot.settings import Settings
from agbot.testing.venue_stub import StubKey

KEY = StubKey()
ENVIRON = {
    "POLYMARKET_API_KEY": KEY.key,
    "POLYMARKET_SECRET": KEY.secret,
    "POLYMARKET_PASSPHRASE": KEY.passphrase,
}


def settings(text):
    faults = []
    found = read_settings(loads(text, "c.yaml"), faults)
    return found, [str(fault) for fault in faults]


def feeds(text, environ=None):
    found, faults = settings(text)
    assert faults == []
    return reference_feeds(found, lambda: 1, environ or {})


def topics(feed):
    return [state.topic for state in feed.states()]


def test_without_a_word_there_are_none():
    assert reference_feeds(Settings(), lambda: 1, {}) == ()


def test_what_the_clob_s_own_sockets_have_opens_no_other():
    assert feeds("rtds: {subscribe_topics: [clob_market, clob_user]}") == ()


def test_topics_become_one_feed_and_symbols_another():
    text = 'rtds: {subscribe_topics: [clob_market, activity, "crypto_prices:BTCUSDT"]}\n'
    text += 'realtime: [btcusd, "price.equity:aaplusd"]'
    rtds, realtime = feeds(text, ENVIRON)
    assert (rtds.name, topics(rtds)) == ("rtds", ["activity", "crypto_prices:btcusdt"])
    assert (realtime.name, topics(realtime)) == ("realtime", ["price.crypto:btcusd", "price.equity:aaplusd"])


def test_realtime_without_the_api_key_names_what_is_missing():
    with pytest.raises(ConfigError, match="POLYMARKET_API_KEY, POLYMARKET_SECRET, POLYMARKET_PASSPHRASE") as e:
        feeds("realtime: [btcusd]")
    assert e.value.id == "AGB-135"


WRONG = {
    "rtds:\n  subscribe_topics:\n    - activity\n    - market": (
        "[AGB-490] c.yaml:4: rtds.subscribe_topics[1]: 'market' is no topic of RTDS; there are activity, "
    ),
    "realtime: [btcusd, btc/usd]": (
        "[AGB-490] c.yaml:1: realtime[1]: 'btc/usd' is no price of realtime v2; symbols are like btcusd"
    ),
    f"realtime: {json.dumps([f'c{i}usd' for i in range(65)])}": (
        "[AGB-490] c.yaml:1: realtime: 65 topics are listed → at most 64"
    ),
    "realtime: btcusd": "[AGB-106] c.yaml:1: realtime: expected a list",
}


@pytest.mark.parametrize(("text", "told"), WRONG.items())
def test_a_topic_that_does_not_exist_is_a_fault_with_its_place(text, told):
    found, faults = settings(text)
    assert len(faults) == 1
    assert faults[0].startswith(told)
    assert (found.realtime, found.rtds.subscribe_topics) == ((), ("clob_market",))
