"""A file meets the contacts a team has: who is the same person, what is kept, what is written when."""

from __future__ import annotations

import gc
import threading
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from tests.world import World
from worker.domain.contact_file import LineFault, read_contacts
from worker.domain.errors import Conflict, NotFound, Unavailable
from worker.flow.base import Fill
from worker.operations import batches, contacts, imports
from worker.operations.import_progress import ImportObserver, ImportProgress
from worker.operations.import_request import Loaded, waits_for_next_run
from worker.operations.imports import load_contacts
from worker.store import gate
from worker.store.database import Joined, once


def read(world: World, *lines: str, **options: Any) -> Loaded:
    """Import these lines; the first names the columns."""
    text = [f"{line}\n" for line in lines]
    return load_contacts(world.dialer, world.team, options.pop("company_id", None), read_contacts(text), **options)


def rows(world: World) -> list[Any]:
    return list(world.sql("SELECT * FROM contacts ORDER BY id"))


def counts(loaded: Loaded) -> tuple[int, int, int, int, int]:
    return loaded.created, loaded.changed, loaded.unchanged, loaded.merged, loaded.refused


def test_lines_with_one_number_however_written_are_one_contact_and_the_later_has_the_word(world: World) -> None:
    loaded = read(
        world,
        "phone,first_name,last_name,email,tags,do_not_call,plan,colour",
        "+12025550101,Ada,Byron,,a;b,yes,gold,red",
        "+12025550102,Bob,,,,,,",
        "+1 (202) 555-0101,,Lovelace,ada@example.com,b;c,,silver,",
    )
    assert counts(loaded) == (2, 0, 0, 1, 0)
    ada, bob = rows(world)
    assert [ada.id, bob.id] == loaded.ids
    assert (ada.first_name, ada.last_name, ada.email, ada.do_not_call) == ("Ada", "Lovelace", "ada@example.com", True)
    assert (ada.tags, ada.custom_fields) == (["a", "b", "c"], {"plan": "silver", "colour": "red"})
    assert (bob.first_name, bob.do_not_call) == ("Bob", False)


def test_a_contact_the_team_has_takes_what_a_line_says_and_keeps_what_it_does_not(world: World) -> None:
    first = world.contact(
        "+12025550101", first_name="Ada", last_name="Byron", timezone="Europe/London", do_not_call=True,
        custom_fields={"plan": "gold", "n": 1}, tags=["a"],
    )  # fmt: skip
    world.contact("+12025550101", first_name="Another")
    header = "phone,first_name,last_name,timezone,do_not_call,plan,tags"
    loaded = read(world, header, "202 555 0101,,Lovelace,,no,silver,b", region="US", company_id="comp_team_a")
    assert (counts(loaded), loaded.ids) == ((0, 1, 0, 0, 0), [first])
    ada, another = rows(world)
    assert (ada.first_name, ada.last_name, ada.timezone, ada.company_id) == (
        "Ada", "Lovelace", "Europe/London", "comp_team_a",
    )  # fmt: skip
    assert ada.do_not_call is True, "a file never takes anybody off do-not-call"
    assert (ada.custom_fields, ada.tags, ada.phone) == ({"plan": "silver", "n": 1}, ["a", "b"], "+12025550101")
    assert (another.first_name, another.last_name) == ("Another", ""), "the oldest of several is meant"


def test_the_contacts_of_another_team_are_nobody(world: World) -> None:
    world.another_team("team_b")
    world.contact("+12025550101", team="team_b", first_name="Theirs")
    assert counts(read(world, "phone,first_name", "+12025550101,Ours")) == (1, 0, 0, 0, 0)
    assert sorted(row.first_name for row in rows(world)) == ["Ours", "Theirs"]


def test_the_same_file_twice_changes_nothing(world: World) -> None:
    lines = ("phone,first_name,tags,plan", "+12025550101,Ada,a,gold", "12,Bob,,", ",Cy,,", "34,,x,only")
    first = read(world, *lines, tags=("may",))
    before = rows(world)
    again = read(world, *lines, tags=("may",))
    assert (counts(first), counts(again)) == ((4, 0, 0, 0, 0), (0, 0, 4, 0, 0))
    assert rows(world) == before


def test_without_a_number_to_call_the_same_words_are_the_same_person_and_no_words_are_nobody(world: World) -> None:
    loaded = read(world, "phone,first_name,plan", "12,Ada,a", "12,Ada,b", "12,Bob,", ",,c", ",,d")
    assert counts(loaded) == (2, 0, 0, 1, 2)
    assert loaded.uncallable == 3
    assert sorted(str(row.custom_fields.get("plan")) for row in rows(world)) == ["None", "b"]


def test_who_looks_on_is_shown_every_line_that_is_not_simply_a_contact(world: World) -> None:
    reported: list[tuple[str, str]] = []
    observer = ImportObserver(lambda outcome, fault: reported.append((outcome, f"{fault.path}: {fault.message}")))
    read(world, "phone,timezone", "+12025550101,", "+12025550101,", "12,", "+12025550102,Mars", observer=observer)
    assert [outcome for outcome, _ in reported] == ["uncallable", "refused", "merged"]
    assert reported[0][1].startswith("line 4: phone: The number has no country code")
    assert reported[2][1] == "line 3: It is the same person as line 2."


numbers = st.sampled_from(["+12025550101", "202 555 0101", "+12025550102", "12", ""])
names, flags, plans = (st.sampled_from(["", *words]) for words in (("Ada", "Bob"), ("yes",), ("g", "s")))
file_lines = st.lists(st.tuples(numbers, names, flags, plans), max_size=8)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=file_lines, after=file_lines, batch=st.integers(1, 4))
def test_batches_of_any_size_and_a_dry_run_agree_with_what_the_words_say(
    world: World, before: list[tuple[str, ...]], after: list[tuple[str, ...]], batch: int
) -> None:
    world.write(lambda conn: conn.exec_driver_sql("TRUNCATE contacts CASCADE"))
    expected = _merged(_merged({}, before), after)
    size, batches.BATCH = batches.BATCH, batch
    try:
        read(world, *_as_file(before), region="US")
        foreseen = read(world, *_as_file(after), region="US", dry_run=True)
        assert len(rows(world)) == len(_merged({}, before)), "a dry run writes nothing"
        loaded = read(world, *_as_file(after), region="US")
    finally:
        batches.BATCH = size
    assert counts(foreseen) == counts(loaded)
    found = sorted((r.phone_e164, r.first_name, r.do_not_call, r.custom_fields.get("plan", "")) for r in called(world))
    assert found == sorted((phone, *said) for phone, said in expected.items() if isinstance(phone, str))


def called(world: World) -> list[Any]:
    return [row for row in rows(world) if row.phone_e164 is not None]


def _as_file(lines: list[tuple[str, ...]]) -> list[str]:
    return ["phone,first_name,do_not_call,plan", *(",".join(line) for line in lines)]


def _merged(people: dict[Any, Any], lines: list[tuple[str, ...]]) -> dict[Any, Any]:
    """The rule, said in Python, for those who can be called; the others are counted by their words."""
    people = dict(people)
    for number, name, flag, plan in lines:
        if not (number or name):
            continue
        e164 = {"202 555 0101": "+12025550101"}.get(number, number)
        key = e164 if e164.startswith("+1") else (number, name)
        was = people.get(key, ("", False, ""))
        people[key] = (name or was[0], bool(flag) or was[1], plan or was[2])
    return people


def test_strict_writes_nothing_if_a_line_is_refused_or_has_no_number_to_call(world: World) -> None:
    for line in ("+12025550102,Mars", "12,"):
        loaded = read(world, "phone,timezone", "+12025550101,", line, strict=True)
        assert (loaded.is_refused, loaded.written) == (True, 0)
        assert rows(world) == []
    assert read(world, "phone,timezone", "+12025550101,", strict=True).created == 1


def test_a_campaign_gets_the_contacts_once_in_the_order_of_the_file(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH", 2)
    known = world.contact("+12025550103")
    campaign = world.campaign([known])
    lines = ("phone", "+12025550104", "+12025550103", "+12025550102", "12", "+12025550104")
    assert read(world, *lines, campaign_id=campaign, dry_run=True).added == 3
    loaded = read(world, *lines, campaign_id=campaign)
    assert (loaded.added, loaded.steps) == (3, [])
    added = world.sql("SELECT contact_id FROM campaign_contacts WHERE campaign_id = :c ORDER BY id", c=campaign)
    assert [row.contact_id for row in added] == [known, loaded.ids[0], *loaded.ids[2:]]
    assert world.by_status(campaign) == {"pending": 3, "failed": 1}
    assert read(world, *lines, campaign_id=campaign).added == 0


def test_contacts_imported_into_a_running_campaign_are_called_and_into_a_completed_one_at_its_next_run(
    world: World,
) -> None:
    campaign = world.campaign([world.contact()])
    world.run(campaign)
    loaded = read(world, "phone", "+12025550190", campaign_id=campaign)
    assert loaded.steps == [Fill(world.team, (campaign,))]
    world.carry_out(loaded.steps)
    world.until(campaign, "completed")
    assert len(world.dialed(loaded.ids[0])) == 1
    late = read(world, "phone", "+12025550191", campaign_id=campaign)
    assert (waits_for_next_run(late), late.steps, world.status(campaign)) == (True, [], "completed")
    world.run(campaign)
    world.until(campaign, "completed")
    assert len(world.dialed(late.ids[0])) == 1


def test_a_campaign_that_takes_no_contacts_refuses_the_file_before_it_is_read(world: World) -> None:
    def unread() -> Iterator[str]:
        yield "phone\n"
        raise AssertionError("it was read")

    cancelled = world.campaign_that_is("cancelled")
    with pytest.raises(Conflict, match="cancelled"):
        load_contacts(world.dialer, world.team, None, read_contacts(unread()), campaign_id=cancelled)
    with pytest.raises(NotFound):
        load_contacts(world.dialer, world.team, None, read_contacts(unread()), campaign_id="camp_nobody")


@pytest.mark.parametrize("strict", [False, True])
def test_what_ends_an_import_half_way_leaves_whole_batches_and_whoever_looks_on_knows_them(
    world: World, monkeypatch: pytest.MonkeyPatch, strict: bool
) -> None:
    monkeypatch.setattr(batches, "BATCH", 2)
    campaign = world.campaign()
    seen: list[int] = []

    def step(coming: ImportProgress) -> None:
        seen.append(coming.written)
        if coming.written == 2:
            world.cancel(campaign)

    lines = ("phone", *(f"+120255501{n:02d}" for n in range(5)))
    with pytest.raises(Conflict, match="cancelled"):
        read(world, *lines, campaign_id=campaign, strict=strict, observer=ImportObserver(on_progress=step))
    assert (seen[-1], len(rows(world)), sum(world.by_status(campaign).values())) == (2, 2, 2)
    assert counts(read(world, *lines)) == (3, 0, 2, 0, 0), "the same again does the rest"


def test_a_session_that_is_lost_while_the_file_is_read_leaves_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH", 1)

    def lose(coming: ImportProgress) -> None:
        world.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )

    with pytest.raises(Unavailable, match="PostgreSQL cannot be reached"):
        read(world, "phone", "+12025550101", "+12025550102", observer=ImportObserver(on_progress=lose))
    assert rows(world) == []
    assert read(world, "phone", "+12025550101").created == 1, "the pool is none the worse"


def test_a_new_zone_moves_those_who_wait_and_rings_for_their_campaigns(world: World) -> None:
    contact, answered = world.contact("+12025550101", timezone="Asia/Tokyo"), world.contact("+12025550102")
    window = {"callWindowStart": "09:00", "callWindowEnd": "17:00", "callWindowTimezone": "America/New_York"}
    campaign = world.campaign([contact, answered], **window)
    world.run(campaign)
    assert world.dialed(contact) == []
    loaded = read(world, "phone,timezone", "+12025550101,America/New_York")
    assert loaded.steps == [Fill(world.team, (campaign,))]
    world.carry_out(loaded.steps)
    world.until(campaign, "completed")
    assert len(world.dialed(contact)) == 1


def test_do_not_call_from_a_file_waits_for_a_dialing_commit_and_new_contacts_do_not(world: World) -> None:
    world.contact("+12025550101")
    with world.engine.begin() as dialing:
        gate.pass_gate(dialing, world.team)
        assert read(world, "phone,do_not_call", "+12025550102,yes").created == 1
        importing = threading.Thread(target=read, args=(world, "phone,do_not_call", "+12025550101,yes"))
        importing.start()
        world.wait_for_blocked()
        assert [row.do_not_call for row in rows(world)] == [False, True]
    importing.join()
    assert [row.do_not_call for row in rows(world)] == [True, True]


def test_an_edit_that_comes_while_its_batch_waits_is_not_undone(world: World) -> None:
    contact = world.contact("+12025550101", first_name="Ada")
    with world.engine.begin() as editing:
        contacts.edit_contact(
            replace(world.dialer, db=Joined(editing)), world.team, contact, {"doNotCall": True}, actor="t"
        )
        importing = threading.Thread(target=read, args=(world, "phone,last_name", "+12025550101,Byron"))
        importing.start()
        world.wait_for_blocked()
    importing.join()
    (row,) = rows(world)
    assert (row.first_name, row.last_name, row.do_not_call) == ("Ada", "Byron", True)


def test_two_imports_of_one_file_at_once_make_everybody_once(world: World) -> None:
    lines = ("phone", *(f"+120255501{n:02d}" for n in range(50)))
    both = [threading.Thread(target=read, args=(world, *lines)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert len(rows(world)) == 50


def test_every_batch_is_noted_with_who_asked_for_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH", 2)
    read(world, "phone", "+12025550101", "+12025550102", "+12025550103", actor="cli")
    noted = world.sql("SELECT actor, detail FROM audit_log WHERE action = 'import_contacts' ORDER BY detail->'lines'")
    assert [(row.actor, row.detail["lines"], row.detail["created"]) for row in noted] == [
        ("cli", [2, 3], 2), ("cli", [4, 4], 1),
    ]  # fmt: skip


def test_nothing_temporary_is_left_in_the_session(world: World) -> None:
    with world.engine.begin() as conn:
        load_contacts(replace(world.dialer, db=Joined(conn)), world.team, None, read_contacts(["phone\n", "12\n"]))
        left = conn.exec_driver_sql("SELECT count(*) FROM pg_class WHERE relpersistence = 't' AND relname !~ '^pg_'")
        assert left.scalar_one() == 0


@pytest.mark.slow
def test_what_is_held_does_not_grow_with_the_file(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "READ_AT_ONCE", 500)
    monkeypatch.setattr(imports, "NUMBERS_REMEMBERED", 500)

    def most_held(count: int, area: int) -> int:
        def lines() -> Iterator[str]:
            yield "phone,first_name,timezone\n"
            for n in range(count):
                yield f"+1{area + n // 10_000}555{n % 10_000:04d},Ada,{'Mars' if n % 2 else ''}\n"

        reported: list[LineFault] = []
        observer = ImportObserver(lambda outcome, fault: reported.append(fault) if len(reported) < 10 else None)
        gc.collect()
        tracemalloc.start()
        load_contacts(world.dialer, world.team, None, read_contacts(lines()), most_ids=0, observer=observer)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    most_held(20_000, 205)  # what is loaded once, wherever in a long file that is
    assert most_held(20_000, 212) < most_held(2_000, 215) + 500_000


def test_the_statements_of_a_batch_touch_no_more_than_the_batch(world: World) -> None:
    read(world, "phone", *(f"+1{212 + n // 1000}555{n % 1000:04d}" for n in range(3000)))

    def explain(conn: Any) -> str:
        from worker.store.crm import merging, staging

        staging.create(conn)
        conn.exec_driver_sql("ANALYZE contacts")
        found = conn.execute(text("EXPLAIN " + str(merging.MATCH_NUMBER)), {"team": "t", "first": 1, "last": 9})
        return "\n".join(row[0] for row in found)

    assert "contacts_by_number" in once(world.dialer.db, explain)
