"""The exchange put together: one core, everything that tells of it, everything that is asked. Nothing runs yet."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import attrs
import msgspec

from agbot.exchange import gamma, records
from agbot.exchange.api import Ask, Reply, Routes
from agbot.exchange.clob import Clob
from agbot.exchange.clock import ExchangeClock
from agbot.exchange.core import Exchange
from agbot.exchange.keys import Keyring
from agbot.exchange.limits import TIERS, Limits
from agbot.exchange.market_socket import MarketSockets
from agbot.exchange.mischief import Mischief
from agbot.exchange.mischief_sockets import SocketMischief
from agbot.exchange.model import NewOrder
from agbot.exchange.offer import Catalogue
from agbot.exchange.opening import Opening
from agbot.exchange.owners import Owners
from agbot.exchange.paced import Pacer
from agbot.exchange.portfolio_book import PortfolioBook
from agbot.exchange.quotes import Tape
from agbot.exchange.realtime import RealtimeSockets
from agbot.exchange.references import References
from agbot.exchange.routing import Router
from agbot.exchange.rtds import RtdsSockets
from agbot.exchange.settings import BoxSettings
from agbot.exchange.user_socket import UserSockets
from agbot.faults import FaultPlan
from agbot.web.http import Break, Request, Response, SocketRoute
