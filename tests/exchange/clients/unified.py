"""polymarket-client's own environment, pointed at an exchange."""

from __future__ import annotations

from dataclasses import replace

from polymarket._internal.environment import PRODUCTION_CONFIG, create_environment
from polymarket.environments import Environment

from tests.exchange.clients.box import Box


def environment(box: Box) -> Environment:
    urls = box.urls
    config = replace(
        PRODUCTION_CONFIG,
        clob_url=urls["clob"],
        clob_market_ws_url=urls["market_socket"],
        clob_user_ws_url=urls["user_socket"],
        rtds_ws_url=urls["rtds"],
        realtime_ws_url=urls["realtime"],
        gamma_url=urls["gamma"],
        data_url=urls["data"],
        relayer_url=urls["relayer"],
    )
    return create_environment(name="agbot exchange", config=config)
