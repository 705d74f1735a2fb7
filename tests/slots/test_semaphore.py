from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Barrier, Lock, Thread

import pytest
from redis import Redis

from tests.patience import PATIENCE_SECONDS
from tests.slots.calls import (
    ACCOUNT,
    ALL,
    CAMPAIGN,
    NUMBER,
    TEAM,
    call,
    calls,
    everywhere,
    grow_old,
    held,
    limits_of,
)
from tests.slots.conftest import Server
from worker.slots import Kind, Scope, SlotRequest, Slots, connect

PREFIX = "test:"
GENERATION = 7


@pytest.fixture
def slots(client: Redis) -> Slots:
    opened = Slots(client, PREFIX)
    assert opened.rebuild([], GENERATION)
    return opened


class TestAcquire:
    def test_a_granted_call_is_a_member_of_all_four_scopes(self, slots: Slots) -> None:
        acquired = slots.acquire(calls("c1"), dict.fromkeys(ALL, 1), GENERATION)

        assert acquired.generation_ok
        assert acquired.granted == ("c1",)
        assert acquired.full == {}
        assert held(slots) == everywhere("c1")

    @pytest.mark.parametrize("short", ALL)
    def test_one_full_scope_refuses_the_call_in_all_and_is_named(self, slots: Slots, short: Scope) -> None:
        acquired = slots.acquire(calls("c1"), {**dict.fromkeys(ALL, 1), short: 0}, GENERATION)

        assert acquired.generation_ok
        assert acquired.granted == ()
        assert acquired.full == {"c1": {short.kind}}
        assert held(slots) == {}

    def test_every_full_scope_is_named(self, slots: Slots) -> None:
        acquired = slots.acquire(calls("c1"), {TEAM: 0, CAMPAIGN: 1, NUMBER: 0, ACCOUNT: 0}, GENERATION)

        assert acquired.full == {"c1": {Kind.TEAM, Kind.NUMBER, Kind.ACCOUNT}}

    def test_a_batch_is_served_in_order_and_one_refusal_does_not_stop_it(self, slots: Slots) -> None:
        batch = [
            call("c1"),
            call("c2"),
            call("c3", number="b"),
            call("c4", number="b"),
            call("c5", number="c"),
        ]
        limits = {**limits_of(batch), NUMBER: 1, Scope(Kind.NUMBER, "pn_b"): 1, CAMPAIGN: 3}

        acquired = slots.acquire(batch, limits, GENERATION)

        assert acquired.granted == ("c1", "c3", "c5")
        assert acquired.full == {"c2": {Kind.NUMBER}, "c4": {Kind.NUMBER}}
        assert held(slots)[CAMPAIGN] == {"c1", "c3", "c5"}

    def test_requesting_again_grants_again_and_takes_nothing(self, slots: Slots) -> None:
        limits = dict.fromkeys(ALL, 1)
        slots.acquire(calls("c1"), limits, GENERATION)

        assert slots.acquire(calls("c1", "c1"), limits, GENERATION).granted == ("c1", "c1")
        assert held(slots) == everywhere("c1")

    def test_a_lowered_limit_lets_nobody_in_and_throws_nobody_out(self, slots: Slots) -> None:
        slots.acquire(calls("c1", "c2", "c3"), dict.fromkeys(ALL, 3), GENERATION)
        lowered = dict.fromkeys(ALL, 2)

        again = slots.acquire(calls("c1", "c2", "c3", "c4"), lowered, GENERATION)
        slots.release(calls("c1"))
        still_full = slots.acquire(calls("c5"), lowered, GENERATION)

        assert again.granted == ("c1", "c2", "c3")
        assert still_full.granted == ()
        assert held(slots) == everywhere("c2", "c3")

    def test_a_call_that_lost_one_membership_needs_room_only_there(self, slots: Slots, client: Redis) -> None:
        limits = dict.fromkeys(ALL, 1)
        slots.acquire(calls("c1"), limits, GENERATION)
        client.delete(f"{{{PREFIX}slots}}:number:pn_a")

        assert slots.acquire(calls("c1"), limits, GENERATION).granted == ("c1",)
        assert held(slots) == everywhere("c1")

    def test_a_limit_that_was_not_given_is_an_error_before_anything_is_taken(self, slots: Slots) -> None:
        with pytest.raises(KeyError):
            slots.acquire(calls("c1"), {TEAM: 1, CAMPAIGN: 1, NUMBER: 1}, GENERATION)

        assert held(slots) == {}

    def test_a_batch_costs_one_command_to_acquire_and_one_to_release(
        self, slots: Slots, client: Redis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        batch = [call(f"c{i}", number=str(i % 5)) for i in range(25)]
        slots.acquire(batch, limits_of(batch), GENERATION)
        slots.release(batch)
        sent: list[object] = []
        send = client.execute_command

        def send_and_note(*words: object, **options: object) -> object:
            sent.append(words[0])
            return send(*words, **options)

        monkeypatch.setattr(client, "execute_command", send_and_note)

        assert len(slots.acquire(batch, limits_of(batch), GENERATION).granted) == 25
        assert slots.release(batch) == 25
        assert sent == ["EVALSHA", "EVALSHA"]

    def test_ids_may_hold_anything(self, slots: Slots) -> None:
        odd = SlotRequest("call: {1}\n", "team:with:colons", "camp {x}", "pn_ü☎", "*?[a]")

        assert slots.acquire([odd], limits_of([odd]), GENERATION).granted == (odd.call_id,)
        assert held(slots) == {scope: {odd.call_id} for scope in odd.scopes}

    def test_threads_racing_for_one_scope_never_hold_more_than_its_limit(self, slots: Slots, server: Server) -> None:
        limit, rounds = 5, 40
        limits = {**dict.fromkeys(ALL, 100), ACCOUNT: limit}
        lock, start = Lock(), Barrier(8)
        holding, most = 0, 0

        def race(name: int) -> None:
            nonlocal holding, most
            mine = Slots(connect(server.url), PREFIX)
            former: list[SlotRequest] = []
            start.wait(PATIENCE_SECONDS)
            for turn in range(rounds):
                batch = calls(*(f"c{name}-{turn}-{i}" for i in range(3)))
                granted = mine.acquire(batch, limits, GENERATION).granted
                with lock:
                    holding += len(granted)
                    most = max(most, holding)
                    holding -= len(former)
                mine.release(former)
                former = [request for request in batch if request.call_id in granted]
            with lock:
                holding -= len(former)
            mine.release(former)

        threads = [Thread(target=race, args=(name,)) for name in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)

        assert holding == 0
        assert most == limit
        assert held(slots) == {}


class TestRelease:
    def test_released_slots_are_free_for_the_next(self, slots: Slots) -> None:
        limits = dict.fromkeys(ALL, 1)
        slots.acquire(calls("c1"), limits, GENERATION)

        assert slots.release(calls("c1")) == 1
        assert slots.acquire(calls("c2"), limits, GENERATION).granted == ("c2",)

    def test_releasing_twice_frees_nobody_elses_slot(self, slots: Slots) -> None:
        limits = dict.fromkeys(ALL, 1)
        slots.acquire(calls("c1"), limits, GENERATION)
        slots.release(calls("c1"))
        slots.acquire(calls("c2"), limits, GENERATION)

        assert slots.release(calls("c1", "c1")) == 0
        assert held(slots) == everywhere("c2")

    def test_a_batch_says_how_many_held_a_slot(self, slots: Slots) -> None:
        slots.acquire(calls("c1", "c2"), dict.fromkeys(ALL, 5), GENERATION)

        assert slots.release(calls("c1", "never", "c2", "c1")) == 2
        assert slots.release([]) == 0


class TestGeneration:
    def test_a_server_that_knows_no_generation_grants_nothing(self, client: Redis) -> None:
        slots = Slots(client, PREFIX)

        acquired = slots.acquire(calls("c1"), dict.fromkeys(ALL, 1), GENERATION)

        assert not acquired.generation_ok
        assert acquired.granted == ()
        assert acquired.full == {}
        assert slots.needs_rebuild(GENERATION)

    @pytest.mark.parametrize("other", [GENERATION - 1, GENERATION + 1])
    def test_another_generation_grants_nothing(self, slots: Slots, other: int) -> None:
        assert not slots.acquire(calls("c1"), dict.fromkeys(ALL, 1), other).generation_ok
        assert held(slots) == {}
        assert slots.needs_rebuild(other)
        assert not slots.needs_rebuild(GENERATION)

    def test_after_flushall_nothing_is_granted_until_the_live_calls_are_back(self, slots: Slots, client: Redis) -> None:
        limits = dict.fromkeys(ALL, 2)
        slots.acquire(calls("c1", "c2"), limits, GENERATION)
        client.flushall()

        assert not slots.acquire(calls("c3"), limits, GENERATION).generation_ok
        assert slots.needs_rebuild(GENERATION)

        assert slots.rebuild(calls("c1", "c2"), GENERATION + 1)
        assert not slots.needs_rebuild(GENERATION + 1)
        refused = slots.acquire(calls("c3"), limits, GENERATION + 1)
        assert refused.generation_ok
        assert refused.full == {"c3": set(Kind)}

    def test_scripts_the_server_has_forgotten_are_sent_again(self, slots: Slots, client: Redis) -> None:
        client.script_flush()

        assert slots.acquire(calls("c1"), dict.fromkeys(ALL, 1), GENERATION).granted == ("c1",)

    def test_a_server_that_restarts_with_old_data_is_noticed(self, own_server: Server) -> None:
        client = connect(own_server.url)
        slots = Slots(client, PREFIX)
        slots.rebuild(calls("c1"), GENERATION)
        client.save()
        slots.acquire(calls("c2"), dict.fromkeys(ALL, 9), GENERATION)
        assert not slots.needs_rebuild(GENERATION)

        own_server.stop()
        own_server.start()

        assert held(slots) == everywhere("c1")
        assert slots.needs_rebuild(GENERATION)
        slots.rebuild(calls("c1", "c2"), GENERATION + 1)
        assert not slots.needs_rebuild(GENERATION + 1)


class TestRebuild:
    def test_only_the_live_calls_remain(self, slots: Slots) -> None:
        strays = [call("stray", team="gone", campaign="gone", number="gone", account="gone"), call("c0")]
        slots.acquire(strays, limits_of(strays), GENERATION)

        assert slots.rebuild(calls("c1", "c2"), GENERATION + 1)

        assert held(slots) == everywhere("c1", "c2")

    def test_thousands_of_live_calls_in_hundreds_of_scopes_all_come_back(self, slots: Slots) -> None:
        live = [call(f"c{i}", campaign=str(i % 300), number=str(i % 700)) for i in range(2100)]

        assert slots.rebuild(iter(live), GENERATION + 1)
        assert slots.rebuild(live, GENERATION + 2)

        members = held(slots)
        assert len(members) == 1 + 300 + 700 + 1
        assert members[TEAM] == {request.call_id for request in live}
        assert all(request.call_id in members[scope] for request in live for scope in request.scopes)

    def test_one_that_dies_in_between_leaves_the_slots_closed(self, slots: Slots) -> None:
        def rows_until_the_connection_breaks() -> Iterator[SlotRequest]:
            yield from calls(*(f"c{i}" for i in range(600)))
            raise RuntimeError("the database went away")

        with pytest.raises(RuntimeError):
            slots.rebuild(rows_until_the_connection_breaks(), GENERATION + 1)

        assert held(slots)[TEAM]
        for generation in (GENERATION, GENERATION + 1):
            assert not slots.acquire(calls("x"), dict.fromkeys(ALL, 9999), generation).generation_ok
        assert slots.rebuild(calls("c1"), GENERATION + 2)
        assert held(slots) == everywhere("c1")

    def test_nothing_is_granted_while_it_runs(self, slots: Slots) -> None:
        answers = []

        def rows() -> Iterator[SlotRequest]:
            for i in range(1001):
                if i % 500 == 0:
                    answers.append(slots.acquire(calls("x"), dict.fromkeys(ALL, 9999), GENERATION))
                yield call(f"c{i}")

        assert slots.rebuild(rows(), GENERATION + 1)

        assert [answer.generation_ok for answer in answers] == [False, False, False]
        assert "x" not in held(slots)[TEAM]

    @pytest.mark.parametrize("after", [0, 1, 600])
    def test_one_that_was_overtaken_stops_and_changes_nothing(self, slots: Slots, after: int) -> None:
        def rows_that_stand_still() -> Iterator[SlotRequest]:
            yield from calls(*(f"old{i}" for i in range(after)))
            assert slots.rebuild(calls("new"), GENERATION + 2)

        assert not slots.rebuild(rows_that_stand_still(), GENERATION + 1)

        assert held(slots) == everywhere("new")
        assert not slots.needs_rebuild(GENERATION + 2)

    def test_deployments_with_other_prefixes_and_other_keys_are_left_alone(self, client: Redis) -> None:
        star, other = Slots(client, "a*:"), Slots(client, "ab:")
        other.rebuild(calls("theirs"), 1)
        client.set("a cache entry", "x")
        client.lpush("{a*:slots}:a queue", "x")

        star.rebuild(calls("ours"), 1)
        star.rebuild([], 2)

        assert held(star) == {}
        assert held(other) == everywhere("theirs")
        assert client.exists("a cache entry", "{a*:slots}:a queue") == 2


class TestReconcile:
    def test_members_that_are_not_live_vanish_once_the_grace_is_over(self, slots: Slots, client: Redis) -> None:
        slots.acquire(calls("c1", "orphan"), dict.fromkeys(ALL, 5), GENERATION)

        young = slots.reconcile(lambda: calls("c1"), GENERATION)
        grow_old(client, PREFIX, seconds=29)
        nearly = slots.reconcile(lambda: calls("c1"), GENERATION)
        grow_old(client, PREFIX, seconds=2)
        old = slots.reconcile(lambda: calls("c1"), GENERATION)

        assert (young.dropped, nearly.dropped) == (frozenset(), frozenset())
        assert old.generation_ok
        assert old.dropped == {"orphan"}
        assert old.added == frozenset()
        assert held(slots) == everywhere("c1")

    def test_live_calls_without_a_slot_get_one_whatever_the_limits(self, slots: Slots) -> None:
        slots.acquire(calls("c1"), dict.fromkeys(ALL, 1), GENERATION)

        diff = slots.reconcile(lambda: calls("c1", "c2"), GENERATION)

        assert diff.added == {"c2"}
        assert diff.dropped == frozenset()
        assert held(slots) == everywhere("c1", "c2")

    def test_a_call_admitted_after_the_members_were_listed_is_not_dropped(self, slots: Slots, client: Redis) -> None:
        slots.acquire(calls("c1"), dict.fromkeys(ALL, 5), GENERATION)
        grow_old(client, PREFIX)

        def rows() -> list[SlotRequest]:
            slots.acquire(calls("c2"), dict.fromkeys(ALL, 5), GENERATION)
            return []

        assert slots.reconcile(rows, GENERATION).dropped == {"c1"}
        assert held(slots) == everywhere("c2")

    def test_an_old_member_that_is_granted_again_meanwhile_is_not_dropped(self, slots: Slots, client: Redis) -> None:
        slots.acquire(calls("c1"), dict.fromkeys(ALL, 5), GENERATION)
        grow_old(client, PREFIX)

        def rows() -> list[SlotRequest]:
            slots.acquire(calls("c1"), dict.fromkeys(ALL, 5), GENERATION)
            return []

        assert slots.reconcile(rows, GENERATION).dropped == frozenset()
        assert held(slots) == everywhere("c1")

    def test_a_live_call_that_got_its_slot_meanwhile_keeps_its_instant(self, slots: Slots, client: Redis) -> None:
        def rows() -> list[SlotRequest]:
            slots.acquire(calls("c1"), dict.fromkeys(ALL, 5), GENERATION)
            grow_old(client, PREFIX)
            return calls("c1")

        assert slots.reconcile(rows, GENERATION).added == frozenset()
        assert slots.members()[TEAM]["c1"].timestamp() < _server_time(client) - 3500

    def test_a_call_that_ended_while_the_rows_were_read_comes_back_and_goes_after_the_grace(
        self, slots: Slots, client: Redis
    ) -> None:
        slots.acquire(calls("c1"), dict.fromkeys(ALL, 5), GENERATION)
        client.delete(f"{{{PREFIX}slots}}:team:team_a")

        def rows() -> list[SlotRequest]:
            slots.release(calls("c1"))
            return calls("c1")

        assert slots.reconcile(rows, GENERATION).added == {"c1"}
        grow_old(client, PREFIX)
        assert slots.reconcile(list, GENERATION).dropped == {"c1"}
        assert held(slots) == {}

    def test_a_member_from_the_future_of_a_clock_that_was_set_back_is_old_too(
        self, slots: Slots, client: Redis
    ) -> None:
        slots.acquire(calls("c1"), dict.fromkeys(ALL, 5), GENERATION)
        grow_old(client, PREFIX, seconds=-3600)

        assert slots.reconcile(list, GENERATION).dropped == {"c1"}

    def test_it_does_not_read_the_rows_under_another_generation(self, slots: Slots) -> None:
        def rows() -> list[SlotRequest]:
            raise AssertionError("nobody should ask")

        assert not slots.reconcile(rows, GENERATION + 1).generation_ok

    @pytest.mark.parametrize("live", [[], calls("c1", "c9")], ids=["to drop", "to add"])
    def test_it_changes_nothing_when_the_generation_changes_meanwhile(
        self, slots: Slots, client: Redis, live: list[SlotRequest]
    ) -> None:
        slots.acquire(calls("c1"), dict.fromkeys(ALL, 5), GENERATION)
        grow_old(client, PREFIX)

        def rows() -> list[SlotRequest]:
            slots.rebuild(calls("c1"), GENERATION + 1)
            grow_old(client, PREFIX)
            return live

        assert not slots.reconcile(rows, GENERATION).generation_ok
        assert held(slots) == everywhere("c1")

    def test_thousands_of_differences_are_repaired_at_once(self, slots: Slots, client: Redis) -> None:
        old = [call(f"old{i}", number=str(i % 600)) for i in range(700)]
        new = [call(f"new{i}", number=str(i % 600)) for i in range(700)]
        slots.rebuild(old, GENERATION)
        grow_old(client, PREFIX)

        diff = slots.reconcile(lambda: new, GENERATION)

        assert diff.dropped == {request.call_id for request in old}
        assert diff.added == {request.call_id for request in new}
        assert held(slots)[TEAM] == diff.added


class TestLooking:
    def test_members_say_since_when_by_the_servers_clock(self, slots: Slots, client: Redis) -> None:
        before = _server_time(client)
        slots.acquire(calls("c1"), dict.fromkeys(ALL, 1), GENERATION)
        after = _server_time(client)

        admitted_at = slots.members()[NUMBER]["c1"]
        assert admitted_at.tzinfo is UTC
        assert before <= admitted_at.timestamp() + 0.001
        assert admitted_at.timestamp() <= after

    def test_room_is_the_limit_less_the_held_and_never_negative(self, slots: Slots) -> None:
        slots.acquire(calls("c1", "c2"), dict.fromkeys(ALL, 2), GENERATION)

        assert slots.room({TEAM: 5, NUMBER: 2, ACCOUNT: 1, Scope(Kind.NUMBER, "pn_b"): 4}) == {
            TEAM: 3,
            NUMBER: 0,
            ACCOUNT: 0,
            Scope(Kind.NUMBER, "pn_b"): 4,
        }
        assert slots.room({}) == {}


def _server_time(client: Redis) -> float:
    seconds, microseconds = client.time()
    return datetime.fromtimestamp(seconds, UTC).timestamp() + microseconds / 1_000_000
