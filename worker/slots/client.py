"""The connection to Redis or Valkey, and what its failures mean here.

Two failures must never be mistaken for each other: *the limit is reached* is a value the scripts return,
*Redis is away* is :class:`~worker.domain.errors.Unavailable`. :func:`redis_errors` draws that line, in one
place, for everything in this package.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources

from redis import Redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.commands.core import Script
from redis.exceptions import (
    ClusterDownError,
    ConnectionError,
    MasterDownError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,
)
from redis.retry import Retry

from worker.domain.errors import Broken, Refused, Unavailable
from worker.slots.silence import watch

_SCHEMES = {
    "redis": "redis",
    "rediss": "rediss",
    "unix": "unix",
    "valkey": "redis",
    "valkeys": "rediss",
}

# A server that answers but cannot serve now: it is a replica, full, lost its master, or does not let us in.
# NOSCRIPT counts too: redis-py has loaded the script again, and it was gone once more.
_CANNOT_SERVE = (
    ClusterDownError,
    MasterDownError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
)

# The same, where redis-py has no class for it, or where Redis 6.2 wraps what happened inside a script into a
# sentence of its own; so the word may stand anywhere.
_CANNOT_SERVE_WORDS = re.compile(
    r"\b(READONLY|OOM|MISCONF|NOREPLICAS|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|LOADING|BUSY|UNKILLABLE|NOAUTH|NOPERM|WRONGPASS)\b"
)


_WRONG_TYPE = re.compile(r"\bWRONGTYPE\b")


class WrongType(Broken):
    """A key is not of the type that we give it."""


def connect(url: str, *, answer_seconds: float = 5.0, retries: int = 2) -> Redis:
    """A client for ``redis://``, ``rediss://``, ``unix://``, ``valkey://`` or ``valkeys://``; no connection
    is opened yet. Options in the URL's query (``?socket_timeout=2``) win over the ones chosen here.

    A command that gets no answer in ``answer_seconds`` is sent again ``retries`` times. That is safe for
    everything in this package: slots are idempotent by member, and a place in a rate taken twice only slows
    the account down. A server that answers no command is thus given up after 15 s by default, and one that does not
    answer new connections either after 10 s (:mod:`worker.slots.silence`).

    Sentinel addresses and Redis Cluster are not supported: a script's keys share one hash tag, but finding
    them for a rebuild walks the key space of one server.

    Raises :class:`Refused` when the URL cannot be read. Neither the message nor its cause repeats the URL,
    which may hold a password.
    """
    scheme, separator, rest = url.partition("://")
    known = _SCHEMES.get(scheme.lower())
    if known is None or not separator:
        raise _unreadable()
    try:
        client = Redis.from_url(
            f"{known}://{rest}",
            decode_responses=True,
            socket_timeout=answer_seconds,
            socket_connect_timeout=answer_seconds,
            **({} if known == "unix" else {"socket_keepalive": True}),
            health_check_interval=15,
            retry=Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), retries=retries),
        )
        # Redis-py reads unknown query options only here; a typing error is better reported at the start.
        client.connection_pool.make_connection()
        client.connection_pool.reset()
        watch(client.connection_pool)
    except (ValueError, TypeError, RedisError):  # the last where options do not go together
        raise _unreadable() from None
    return client


def _unreadable() -> Refused:
    return Refused(
        "The Redis URL cannot be read; expected redis://, rediss://, unix://, valkey:// or valkeys:// "
        "followed by [[user]:password@]host[:port][/database] or the path of a socket."
    )


@contextmanager
def redis_errors() -> Iterator[None]:
    """Translate what Redis may fail with: :class:`Unavailable` when it is away, :class:`WrongType` for a key that is
    not ours (:mod:`worker.slots.repair`), :class:`Broken` when it refuses a command, which no state of a healthy
    server can bring about."""
    try:
        yield
    except (ConnectionError, TimeoutError) as error:
        raise Unavailable(
            f"Redis does not answer ({_said(error)}); check that it runs and what its URL says."
        ) from error
    except ResponseError as error:
        if isinstance(error, _CANNOT_SERVE) or _CANNOT_SERVE_WORDS.search(str(error)):
            raise Unavailable(f"Redis cannot serve now ({_said(error)}); check its state.") from error
        if _WRONG_TYPE.search(str(error)):
            raise WrongType(f"A key in Redis is not of its type ({_said(error)}).") from error
        raise Broken(f"Redis refused a command of the dialer ({_said(error)}); please report this.") from error
    except RedisError as error:
        raise Broken(f"Redis answered in a way the dialer cannot read ({_said(error)}).") from error


def _said(error: RedisError) -> str:
    """What the server or the network said: one short line, without a password (redis-py names at most the
    host, the port or the socket's path)."""
    line = " ".join(str(error).split()).rstrip(".")
    return f"{type(error).__name__}: {line[:200]}" if line else type(error).__name__


def load_script(client: Redis, name: str) -> Script:
    """The script of this package called ``<name>.lua``. It is sent to the server once, and again by itself
    when the server has forgotten it (restart, failover, ``SCRIPT FLUSH``)."""
    return client.register_script(resources.files(__package__).joinpath(f"{name}.lua").read_text("utf-8"))
