"""The slots: how many calls each scope carries now, as a semaphore over the truth in PostgreSQL.

One zset of call ids per scope, and a generation (:mod:`worker.slots.keys`). Nothing expires: a
lease that runs out while the phone still rings would let one call too many out. What a crash left behind is
taken away by :meth:`Slots.reconcile`, by evidence and not by time.

**Guarantee.** A scope never grows past the limit that was given with the acquisition that added the last
member, and a call holds a slot in all of its scopes or was refused. Two acquisitions never interleave.

**Not guaranteed.** That members and live calls agree at every instant. Between a grant and the commit of the
claim there is a member without a call; after a server lost its last writes, a call without a member. The
claim's transaction counts live rows, and that count is the hard limit: wrong slots can only make the dialer
slower, or make it query PostgreSQL in vain.

**Who acts next.** Whoever ends a call releases it, after the commit. When ``generation_ok`` is false, the
flow rebuilds: it takes the advisory lock, raises the generation in PostgreSQL, reads the live rows, calls
:meth:`Slots.rebuild`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import TypeVar

from redis import Redis
from redis.client import Pipeline
from redis.commands.core import Script

from worker.slots.client import load_script, redis_errors
from worker.slots.keys import LATEST_MS, Keys
from worker.slots.repair import repaired
from worker.slots.scope import Kind, Scope, SlotRequest

_KINDS = tuple(Kind)
_CHUNK = 500  # calls or members in one script: a few milliseconds for which everybody else waits

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Acquired:
    """What became of a batch of requests.

    ``granted`` holds the call ids that have all their slots, in the order of the requests. ``full`` says for
    every other call which kinds of scopes had no room: ``campaign`` among them means that the campaign uses
    all it may, without it a shared scope is short and the campaign waits for others. When
    ``generation_ok`` is false nothing was read nor written, and both are empty.
    """

    generation_ok: bool
    granted: tuple[str, ...] = ()
    full: Mapping[str, frozenset[Kind]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Diff:
    """What a reconciliation changed, as call ids. When ``generation_ok`` is false it stopped there; a rebuild
    brings what is missing."""

    generation_ok: bool
    dropped: frozenset[str] = frozenset()
    added: frozenset[str] = frozenset()


class Slots:
    """The slots of one deployment. Safe to share between threads.

    ``client`` must decode responses, as that of :func:`worker.slots.client.connect` does. Slots are acquired under
    locks of PostgreSQL: by a client that gives up soon (``in_haste``). Every method raises
    :class:`~worker.domain.errors.Unavailable` when Redis is away.
    """

    def __init__(self, client: Redis, prefix: str, *, in_haste: Redis | None = None) -> None:
        self._redis = client
        self._keys = Keys(prefix)
        self._acquire = load_script(in_haste or client, "acquire")
        self._release = load_script(client, "release")
        self._rebuild = load_script(client, "rebuild")
        self._drop = load_script(client, "drop")
        self._add = load_script(client, "add")

    def acquire(self, requests: Sequence[SlotRequest], limits: Mapping[Scope, int], generation: int) -> Acquired:
        """Take slots for a batch of calls, each in all of its scopes or in none; one command.

        Requests are served in order, and some may be refused while others are granted. Asking again for a
        call that has its slots grants it again and takes nothing, whatever the limits are now. ``limits`` are
        those of the rows and must name every scope of every request (``KeyError`` otherwise).
        """
        keys, calls = self._keys.numbered(requests, first=2)
        arguments = [generation, *(limits[self._keys.scope(key)] for key in keys), *calls]
        answers = self._run(lambda: self._acquire([self._keys.generation, *keys], arguments))
        if answers is None:
            return Acquired(generation_ok=False)
        answered = list(zip(requests, answers, strict=True))
        return Acquired(
            generation_ok=True,
            granted=tuple(request.call_id for request, full in answered if not full),
            full={request.call_id: _kinds_in(full) for request, full in answered if full},
        )

    def release(self, calls: Sequence[SlotRequest]) -> int:
        """Give back the slots of calls that have ended; one command. Returns how many of them held any.
        Releasing twice, or a call that never had a slot, changes nothing."""
        if not calls:
            return 0
        keys, arguments = self._keys.numbered(calls, first=1)
        return int(self._run(lambda: self._release(keys, arguments)))

    def release_by(self, pipeline: Pipeline, calls: Sequence[SlotRequest]) -> None:
        """The same as one command of the caller's pipeline, which fails with ``NoScriptError`` where the server has
        forgotten the script: then :meth:`release`."""
        if calls:
            keys, arguments = self._keys.numbered(calls, first=1)
            pipeline.evalsha(self._release.sha, len(keys), *keys, *arguments)

    def room(self, limits: Mapping[Scope, int]) -> dict[Scope, int]:
        """How many more calls each scope could take now, at least 0. A hint for choosing what to request;
        only :meth:`acquire` decides."""

        def count() -> list[int]:
            pipeline = self._redis.pipeline(transaction=False)
            for scope in limits:
                pipeline.zcard(self._keys.of(scope))
            return pipeline.execute()

        held = self._run(count)
        return {scope: max(0, limits[scope] - count) for scope, count in zip(limits, held, strict=True)}

    def needs_rebuild(self, generation: int) -> bool:
        """True when the members cannot be trusted: the generation is missing or another one (the server was
        emptied, or a rebuild died), or the server is not the process in which they were built (it restarted
        from an old snapshot, or a replica that missed the last writes took over)."""
        with redis_errors():
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.mget(self._keys.generation, self._keys.run_id)
            pipeline.info("server")
            (built_under, built_in), server = pipeline.execute()
        return bool(built_under != str(generation) or built_in != _run_id(server))

    def rebuild(self, live: Iterable[SlotRequest], generation: int) -> bool:
        """Throw all members away and write those of the live calls, under a new generation.

        The caller holds the advisory lock, has raised the generation in PostgreSQL, and has read ``live``
        since. The generation is deleted first and written last: from the first step to the last nothing can
        be acquired, and a rebuild that dies in between leaves it so until the next one.

        Returns false, having changed nothing that counts, when another rebuild finished in the meantime (this
        process stood still and lost its lock): check again with :meth:`needs_rebuild`. One that stood still
        before its first step throws the newer one's work away; its own generation is too old by then, so
        everybody is refused until the next rebuild.

        What moves while it runs is repaired by :meth:`reconcile`: a claim whose slots were granted before the
        server was emptied and which commits after ``live`` was read lacks its members until then, and a call
        that ends after ``live`` was read leaves some behind.
        """
        with redis_errors():
            run_id = _run_id(self._redis.info("server"))
            self._redis.unlink(self._keys.generation, self._keys.run_id)
            for keys in _chunks(self._scope_keys()):
                self._redis.unlink(*keys)
        for calls in _chunks(live):
            keys, arguments = self._keys.numbered(calls, first=2)
            if not self._run(partial(self._rebuild, [self._keys.generation, *keys], arguments)):
                return False
        with redis_errors():
            return bool(self._redis.msetnx({self._keys.generation: str(generation), self._keys.run_id: run_id}))

    def reconcile(
        self,
        read_live: Callable[[], Iterable[SlotRequest]],
        generation: int,
        grace_seconds: float = 30.0,
    ) -> Diff:
        """Make the members agree with the live calls: drop members that are not live and were granted more
        than ``grace_seconds`` before, add live calls that have no slot.

        ``read_live`` reads the live rows from PostgreSQL. It is called here, after the members were listed,
        because the order is what makes dropping right::

            members listed at T   ──►   rows read   ──►   dropped what is listed, older than T − grace,
                                                          not in the rows, and not granted again since

        A member that old whose claim had committed would be in the rows, for a claim takes a few seconds at
        most. Were the rows read first, a process that stands still for a minute between the two would drop
        every call admitted meanwhile. Younger members may belong to a claim that is about to commit; the
        grace keeps them.

        Adding has the opposite race: a call that ends and is released between the reading and the adding is
        added again, without a call. It lowers the concurrency by one until the first reconciliation after the
        grace drops it. That is accepted: the alternative is to hold a lock on the row across both services.

        A server whose clock was set back has members from its future; they are as old as they are far away.
        """
        if self._run(lambda: self._redis.get(self._keys.generation)) != str(generation):
            return Diff(generation_ok=False)
        with redis_errors():
            now_ms = _milliseconds(self._redis.time())
            seen = self._snapshot()

        live: dict[str, set[str]] = {}
        for call in read_live():
            for scope in call.scopes:
                live.setdefault(self._keys.of(scope), set()).add(call.call_id)

        stale = [
            (key, call_id, score)
            for key, members in seen.items()
            for call_id, score in members.items()
            if call_id not in live.get(key, ()) and abs(now_ms - score) > grace_seconds * 1000
        ]
        missing = [
            (key, call_id) for key, call_ids in live.items() for call_id in call_ids.difference(seen.get(key, ()))
        ]
        dropped = self._run(lambda: self._change(self._drop, stale, generation))
        added = None if dropped is None else self._run(lambda: self._change(self._add, missing, generation))
        if dropped is None or added is None:
            return Diff(generation_ok=False, dropped=dropped or frozenset())
        return Diff(generation_ok=True, dropped=dropped, added=added)

    def server(self) -> tuple[str, float]:
        """The server's version, and its clock in epoch seconds."""
        with redis_errors():
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.info("server")
            pipeline.time()
            server, time = pipeline.execute()
        version = server.get("valkey_version") or server["redis_version"]
        return str(version), _milliseconds(time) / 1000

    def members(self) -> dict[Scope, dict[str, datetime]]:
        """Who holds a slot where, and since when by the server's clock; scopes nobody holds are left out.
        Each scope is read at its own instant."""
        with redis_errors():
            snapshot = self._snapshot()
        return {
            self._keys.scope(key): {
                call_id: datetime.fromtimestamp(score / 1000, UTC) for call_id, score in members.items()
            }
            for key, members in snapshot.items()
            if self._keys.is_scope(key)
        }

    def _run(self, command: Callable[[], _T]) -> _T:
        """With every key of its type. Where one was not, its members are lost, so that all must be rebuilt."""
        return repaired(self._redis, self._keys.root, self._keys.type_of, command, also=self._keys.generation)

    def _change(
        self, script: Script, members: Iterable[tuple[str, str] | tuple[str, str, int]], generation: int
    ) -> frozenset[str] | None:
        """Run ``drop`` or ``add`` over ``members`` (key first) in chunks; the call ids it changed, or
        ``None`` when the generation went away."""
        changed: set[str] = set()
        for chunk in _chunks(members):
            index: dict[str, int] = {}
            arguments: list[str | int] = [generation]
            for key, *rest in chunk:
                arguments += [index.setdefault(key, len(index) + 2), *rest]
            answer = script([self._keys.generation, *index], arguments)
            if answer is None:
                return None
            changed.update(answer)
        return frozenset(changed)

    def _snapshot(self) -> dict[str, dict[str, int]]:
        """Every scope's members with their scores, by key."""
        snapshot: dict[str, dict[str, int]] = {}
        for keys in _chunks(self._scope_keys()):
            pipeline = self._redis.pipeline(transaction=False)
            for key in keys:
                pipeline.zrange(key, 0, -1, withscores=True)
            for key, members in zip(keys, pipeline.execute(), strict=True):
                if members:
                    snapshot[key] = {call_id: int(max(0, min(score, LATEST_MS))) for call_id, score in members}
        return snapshot

    def _scope_keys(self) -> Iterator[str]:
        """The keys of all scopes somebody holds, each once.

        Found by walking the key space, not from a list kept beside it: a list can be lost alone, and what is
        not on it would never be repaired. The walk costs about 0.2 s for a million keys, so a database that is
        shared with a large cache is a poor home; one of its own (``redis://host/1``) costs nothing.
        """
        yield from dict.fromkeys(self._redis.scan_iter(match=self._keys.pattern, count=1000, _type="zset"))


def _kinds_in(full: int) -> frozenset[Kind]:
    """The kinds that ``acquire.lua`` added up."""
    return frozenset(kind for bit, kind in enumerate(_KINDS) if full >> bit & 1)


def _run_id(server: Mapping[str, object]) -> str:
    """The id of the server process; empty where a provider hides it, and then restarts go unnoticed until
    the next reconciliation."""
    return str(server.get("run_id", ""))


def _milliseconds(time: tuple[int, int]) -> int:
    seconds, microseconds = time
    return seconds * 1000 + microseconds // 1000


def _chunks(items: Iterable[_T]) -> Iterator[list[_T]]:
    rest = iter(items)
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk
