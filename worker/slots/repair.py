"""Keys of ours that are not of the type we give them: deleted, logged, and the command is sent again.

Somebody's script, a restore into the wrong database, two products on one server: a key of another type refuses every
command for as long as it is there, and would stop its team, its account or the whole deployment for good. All that we
keep in Redis can be made again from PostgreSQL or is gone in a moment by itself, so nothing is lost that counts. Only
keys under the given root are checked: one hash tag with the deployment's prefix, which nobody else writes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

import structlog
from redis import Redis

from worker.slots.client import WrongType, redis_errors

T = TypeVar("T")

log = structlog.get_logger()


def repaired(client: Redis, root: str, type_of: Callable[[str], str], command: Callable[[], T], *, also: str = "") -> T:
    """What ``command`` answers, after wrong keys under ``root`` were deleted where it met one. ``type_of`` is the type
    that a key there must have. Where one was deleted, the key ``also`` is, too."""
    try:
        with redis_errors():
            return command()
    except WrongType:
        with redis_errors():
            _delete_wrong(client, root, type_of, also)
            return command()


def _delete_wrong(client: Redis, root: str, type_of: Callable[[str], str], also: str) -> None:
    for key in client.scan_iter(match=as_pattern(root), count=1000):
        found, wanted = client.type(key), type_of(key)
        if found not in (wanted, "none"):
            client.unlink(key, *([also] if also else []))
            log.warning("redis_key_rebuilt", key=key, was=found, expected=wanted)


def as_pattern(root: str) -> str:
    """Matches the keys that begin with ``root``."""
    return re.sub(r"([*?\[\]\\])", r"\\\1", root) + "*"
