"""The slots against a model of them: whatever may happen, in any order."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from redis import Redis

from tests.slots.calls import call, grow_old, held
from tests.slots.conftest import Server
from worker.slots import Scope, SlotRequest, Slots, connect

CALLS = [call(f"c{i}", team="ab"[i % 2], campaign="abc"[i % 3], number="abcd"[i % 4], account="a") for i in range(10)]
SCOPES = sorted({scope for request in CALLS for scope in request.scopes})
PREFIX = "machine:"

some_calls = st.lists(st.sampled_from(CALLS), max_size=8)
some_scopes = st.sampled_from(SCOPES)


class SlotsAgainstAModel(RuleBasedStateMachine):
    """The model: call ids per scope, the limits, and the generations PostgreSQL and the server know."""

    client: Redis

    def __init__(self) -> None:
        super().__init__()
        self.client.flushall()
        self.slots = Slots(self.client, PREFIX)
        self.members: dict[Scope, set[str]] = {scope: set() for scope in SCOPES}
        self.old: set[tuple[Scope, str]] = set()
        self.limits = dict.fromkeys(SCOPES, 3)
        self.generation = 1
        self.generation_of_server: int | None = None

    @rule(requests=some_calls)
    def acquire(self, requests: list[SlotRequest]) -> None:
        acquired = self.slots.acquire(requests, self.limits, self.generation)

        assert acquired.generation_ok == (self.generation_of_server == self.generation)
        granted: list[str] = []
        if acquired.generation_ok:
            granted = [request.call_id for request in requests if self._admit(request)]
        assert list(acquired.granted) == granted
        refused = {request.call_id for request in requests} - set(granted)
        assert acquired.full.keys() == (refused if acquired.generation_ok else set())

    def _admit(self, request: SlotRequest) -> bool:
        lacking = [scope for scope in request.scopes if request.call_id not in self.members[scope]]
        if any(len(self.members[scope]) >= self.limits[scope] for scope in lacking):
            return False
        for scope in request.scopes:
            self.members[scope].add(request.call_id)
            self.old.discard((scope, request.call_id))
        for scope in lacking:
            assert len(self.members[scope]) <= self.limits[scope]
        return True

    @rule(requests=some_calls)
    def acquire_under_a_stale_generation(self, requests: list[SlotRequest]) -> None:
        assert not self.slots.acquire(requests, self.limits, self.generation - 1).generation_ok

    @rule(requests=some_calls)
    def release(self, requests: list[SlotRequest]) -> None:
        holding = {request.call_id for request in requests if self._holds(request)}

        assert self.slots.release(requests) == len(holding)
        assert self.slots.release(requests) == 0
        for request in requests:
            for scope in request.scopes:
                self._remove(scope, request.call_id)

    def _holds(self, request: SlotRequest) -> bool:
        return any(request.call_id in self.members[scope] for scope in request.scopes)

    def _remove(self, scope: Scope, call_id: str) -> None:
        self.members[scope].discard(call_id)
        self.old.discard((scope, call_id))

    @rule(scope=some_scopes, limit=st.integers(0, 5))
    def edit_a_limit(self, scope: Scope, limit: int) -> None:
        self.limits[scope] = limit

    @rule()
    def empty_the_server(self) -> None:
        self.client.flushall()
        self._forget(SCOPES)
        self.generation_of_server = None

    @rule(scope=some_scopes)
    def lose_one_key(self, scope: Scope) -> None:
        self.client.delete(f"{{{PREFIX}slots}}:{scope.kind}:{scope.id}")
        self._forget([scope])

    def _forget(self, scopes: Iterable[Scope]) -> None:
        for scope in scopes:
            self.members[scope].clear()
            self.old = {(where, call_id) for where, call_id in self.old if where != scope}

    @rule()
    def time_passes(self) -> None:
        grow_old(self.client, PREFIX)
        self.old = {(scope, call_id) for scope, ids in self.members.items() for call_id in ids}

    @rule(live=st.sets(st.sampled_from(CALLS)))
    def rebuild(self, live: set[SlotRequest]) -> None:
        self.generation += 1

        assert self.slots.needs_rebuild(self.generation)
        assert self.slots.rebuild(live, self.generation)
        assert not self.slots.needs_rebuild(self.generation)
        self._forget(SCOPES)
        self.generation_of_server = self.generation
        for request in live:
            for scope in request.scopes:
                self.members[scope].add(request.call_id)

    @rule(live=st.sets(st.sampled_from(CALLS)))
    def reconcile(self, live: set[SlotRequest]) -> None:
        diff = self.slots.reconcile(lambda: live, self.generation)

        assert diff.generation_ok == (self.generation_of_server == self.generation)
        if not diff.generation_ok:
            return
        wanted = {(scope, request.call_id) for request in live for scope in request.scopes}
        dropped = self.old - wanted
        added = {(scope, call_id) for scope, call_id in wanted if call_id not in self.members[scope]}
        for scope, call_id in dropped:
            self._remove(scope, call_id)
        for scope, call_id in added:
            self.members[scope].add(call_id)
        assert diff.dropped == {call_id for _, call_id in dropped}
        assert diff.added == {call_id for _, call_id in added}

    @invariant()
    def the_server_holds_what_the_model_holds(self) -> None:
        assert held(self.slots) == {scope: ids for scope, ids in self.members.items() if ids}

    @invariant()
    def room_is_what_the_limits_leave(self) -> None:
        assert self.slots.room(self.limits) == {
            scope: max(0, limit - len(self.members[scope])) for scope, limit in self.limits.items()
        }


class TestSlotsAgainstAModel(SlotsAgainstAModel.TestCase):  # type: ignore[valid-type]  # Hypothesis makes it at run time
    settings = settings(max_examples=60, stateful_step_count=30, deadline=None)

    @pytest.fixture(autouse=True)
    def _connected(self, server: Server) -> None:
        SlotsAgainstAModel.client = connect(server.url)
