"""What the keys of the slots are called, and how calls are named to the scripts.

All under one hash tag::

    {<prefix>slots}:<kind>:<id>   zset     one per scope; member = call id,
                                           score = server time of the grant, ms
    {<prefix>slots}:generation    string   the generation the members were built under; missing = closed
    {<prefix>slots}:run_id        string   the server process the members were built in
"""

from __future__ import annotations

from collections.abc import Iterable

from worker.slots.repair import as_pattern
from worker.slots.scope import Kind, Scope, SlotRequest

LATEST_MS = 253_402_300_799_000
"""No score of ours is later than the end of the year 9999, as in ``drop.lua``; somebody else's may be infinite."""


class Keys:
    """The keys under one prefix. ``pattern`` matches those of every scope (and more; filter by type zset)."""

    def __init__(self, prefix: str) -> None:
        self.root = self._root = f"{{{prefix}slots}}:"
        self.generation = f"{self._root}generation"
        self.run_id = f"{self._root}run_id"
        self.pattern = as_pattern(self._root)

    def type_of(self, key: str) -> str:
        """The type of the key in Redis."""
        return "string" if key in (self.generation, self.run_id) else "zset"

    def is_scope(self, key: str) -> bool:
        """Whether it is the key of a scope's members, and not of something that somebody else has put there."""
        return key.removeprefix(self._root).partition(":")[0] in set(Kind)

    def of(self, scope: Scope) -> str:
        """The key of a scope's members."""
        return f"{self._root}{scope.kind}:{scope.id}"

    def scope(self, key: str) -> Scope:
        """The scope whose members are under ``key``."""
        kind, _, scope_id = key.removeprefix(self._root).partition(":")
        return Scope(Kind(kind), scope_id)

    def numbered(self, calls: Iterable[SlotRequest], first: int) -> tuple[list[str], list[str | int]]:
        """The distinct scope keys of ``calls``, and the calls as the scripts read them: the id, then the
        indexes of its four keys. ``first`` is the index at which the script finds the first scope key."""
        index: dict[str, int] = {}
        arguments: list[str | int] = []
        for call in calls:
            arguments.append(call.call_id)
            for scope in call.scopes:
                arguments.append(index.setdefault(self.of(scope), len(index) + first))
        return list(index), arguments
