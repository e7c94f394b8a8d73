"""The way to Redis: one address from the environment, short deadlines, no retries behind our back. Blocking."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

from agbot.errors import ConfigError
from agbot.located.address import LOOPBACK
from agbot.secrets import Secret, lookup

if TYPE_CHECKING:
    from redis import Redis

T = TypeVar("T")

URL: Final = "AGBOT_REDIS_URL"
TIMEOUT_S: Final = 1.0
SCHEMES: Final = ("redis", "rediss", "unix")


class Unreadable(Exception):  # noqa: N818 - what happened, in the words of who meets it
    """Redis did not answer, or not as it should."""


class Link:
    """One Redis. Its methods block for at most some seconds: call them in a thread.

    Args:
        url: from the environment; it may hold a password.
    """

    def __init__(self, url: Secret) -> None:
        self._client = _client(url)

    @classmethod
    def found(cls, *, plain: bool = False) -> Link:
        """Return the link to the address in the environment or the keyring.

        Args:
            plain: whether an unencrypted address beyond this machine is meant.

        Raises:
            ConfigError: AGB-115 there is none; AGB-154 the package redis is missing; AGB-155 the address is none.
        """
        return cls(checked(lookup(URL), plain=plain))

    def ask(self, question: Callable[[Redis], T]) -> T:
        """Return what a question to Redis brings.

        Raises:
            Unreadable: no answer in time, or one that says no.
        """
        with _as_unreadable():
            return question(self._client)

    def logs_changes(self) -> bool:
        """Return whether Redis writes each change to its disk. Raises Unreadable."""
        told: Any = self.ask(lambda redis: redis.info("persistence"))
        return bool(told.get("aof_enabled"))

    def wait(self, channel: str, seconds: float) -> Callable[[], bool]:
        """Return a function that waits for a message on `channel`, `seconds` at most, and says whether one came.

        Raises:
            Unreadable: as for `ask`; the function raises the same.
        """
        with _as_unreadable():
            client: Any = self._client
            subscription = client.pubsub(ignore_subscribe_messages=True)
            subscription.subscribe(channel)

        def heard() -> bool:
            with _as_unreadable(subscription):
                return subscription.get_message(timeout=seconds) is not None

        return heard

    def close(self) -> None:
        """Let go of every connection."""
        with _as_unreadable():
            self._client.close()
            self._client.connection_pool.disconnect()


def checked(url: Secret, *, plain: bool = False) -> Secret:
    """Return an address that may be used. ConfigError AGB-155."""
    parts = urlsplit(url.reveal())
    try:
        host = parts.hostname or ""
        _port = parts.port
    except ValueError as e:
        raise _no_address(f"its port is no port: {e}") from e
    if parts.scheme not in SCHEMES:
        raise _no_address(f"it begins with {parts.scheme or 'nothing'}://")
    if parts.password:
        Secret(parts.password)  # known from here on, to be removed from texts
    if parts.scheme == "redis" and not plain and host not in LOOPBACK:
        raise ConfigError(
            f"{host} is another machine and {URL} is not encrypted: who is in between could open the kill switch",
            id="AGB-155",
            key=URL,
            remedy="rediss://…, or, in a network that is yours alone: redis: {plain: true}",
        )
    return url


def _no_address(why: str) -> ConfigError:
    return ConfigError(
        f"the address of Redis is none: {why}",
        id="AGB-155",
        key=URL,
        remedy="redis://127.0.0.1:6379/0, rediss://host:6380/0 (user and password before the host) or unix:///path",
    )


def _client(url: Secret) -> Redis:
    try:
        from redis import Redis  # noqa: PLC0415 - an extra
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.retry import Retry  # noqa: PLC0415
    except ImportError as e:
        raise ConfigError(
            "the package redis is not installed", id="AGB-154", key="redis", remedy="pip install 'agbot[redis]'"
        ) from e
    try:
        return Redis.from_url(
            url.reveal(),
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            client_name="agbot",
        )
    except ValueError as e:
        raise _no_address(str(e)) from None


@contextmanager
def _as_unreadable(subscription: Any = None) -> Iterator[None]:
    from redis import RedisError  # noqa: PLC0415

    try:
        yield
    except (RedisError, OSError) as e:
        if subscription is not None:
            subscription.close()
        raise Unreadable(str(e) or type(e).__name__) from e
