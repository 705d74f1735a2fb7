"""Whoever claims, dials or stops has his turn within a long request, whatever it asks for, after each batch of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from tests.world import World
from worker.domain.contact_file import number_file, read_contacts
from worker.domain.errors import Conflict, NotFound
from worker.operations import batches
from worker.operations import campaigns as campaign_operations
from worker.operations import contacts as contact_operations
from worker.operations.batches import Bookmark
from worker.operations.dnc_imports import ban_file
from worker.operations.imports import load_contacts
from worker.operations.removal import remove_contacts
from worker.operations.requeue import requeue_contacts
from worker.operations.undo_import import undo_do_not_call
from worker.simulator.lives import Life

BATCH, MANY = 2, 7
NUMBERS = [f"+120255502{n:02d}" for n in range(MANY)]
GATE_AND_ROWS = """
SELECT pg_try_advisory_xact_lock(hashtextextended('team ' || :team, 0)) AS gate,
       (SELECT count(*) FROM (SELECT FROM teams FOR NO KEY UPDATE SKIP LOCKED) AS t) AS teams,
       (SELECT count(*) FROM (SELECT FROM campaigns FOR NO KEY UPDATE SKIP LOCKED) AS c) AS campaigns
"""


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH", BATCH)


@contextmanager
def between_transactions(world: World, look: Callable[[], None]) -> Iterator[None]:
    """Look on whenever one of the dialer's transactions is about to begin, and the one before it has ended."""
    looking = False

    def begins(conn: Connection) -> None:
        nonlocal looking
        if not looking:
            looking = True
            look()
            looking = False

    event.listen(world.engine, "begin", begins)
    try:
        yield
    finally:
        event.remove(world.engine, "begin", begins)


def campaign_of(world: World, status: str = "exhausted") -> tuple[str, list[str]]:
    """A campaign with these contacts in it."""
    contacts = some_contacts(world)
    campaign = world.campaign(contacts)
    world.sql("UPDATE campaign_contacts SET status = CAST(:s AS contact_status)", s=status)
    return campaign, contacts


def imported(world: World, *columns: str, **options: Any) -> None:
    values = [column.partition("=")[2] for column in columns]
    names = [column.partition("=")[0] for column in columns]
    lines = [",".join(["phone", *names]), *(",".join([number, *values]) for number in NUMBERS)]
    load_contacts(world.dialer, world.team, None, read_contacts(f"{line}\n" for line in lines), **options)


def some_contacts(world: World) -> list[str]:
    return [world.contact(number) for number in NUMBERS]


def an_import_of_the_new(world: World) -> Callable[[], object]:
    return lambda: imported(world)


def an_import_of_do_not_call(world: World) -> Callable[[], object]:
    some_contacts(world)
    return lambda: imported(world, "do_not_call=yes")


def a_strict_import_of_zones(world: World) -> Callable[[], object]:
    campaign_of(world, "queued")
    return lambda: imported(world, "timezone=Asia/Tokyo", strict=True)


def an_import_into_a_campaign(world: World) -> Callable[[], object]:
    campaign = world.campaign()
    return lambda: imported(world, campaign_id=campaign)


def contacts_into_a_campaign(world: World) -> Callable[[], object]:
    contacts, campaign = some_contacts(world), world.campaign()
    return lambda: campaign_operations.add_contacts(world.dialer, campaign, contacts, actor="test")


def contacts_out_of_a_campaign(world: World) -> Callable[[], object]:
    campaign, contacts = campaign_of(world, "queued")
    return lambda: remove_contacts(world.dialer, world.team, campaign, contacts, actor="t")


def contacts_put_back(world: World) -> Callable[[], object]:
    campaign, contacts = campaign_of(world)
    return lambda: requeue_contacts(world.dialer, world.team, campaign, contacts, actor="t")


def numbers_banned(world: World) -> Callable[[], object]:
    return lambda: contact_operations.ban_numbers(world.dialer, world.team, {"numbers": NUMBERS}, actor="t")


def a_strict_file_of_numbers(world: World) -> Callable[[], object]:
    lines = [f"{number}\n" for number in NUMBERS]
    return lambda: ban_file(world.dialer, world.team, number_file(lines, None, None), strict=True, actor="t")


def an_import_undone(world: World) -> Callable[[], object]:
    imported(world, "do_not_call=yes")
    (row,) = world.sql("SELECT DISTINCT import_id FROM do_not_call_imports")
    return lambda: undo_do_not_call(world.dialer, world.team, row.import_id, actor="t")


LONG: dict[Callable[[World], Callable[[], object]], str] = {
    an_import_of_the_new: "SELECT count(*) FROM contacts",
    an_import_of_do_not_call: "SELECT count(*) FROM contacts WHERE do_not_call",
    a_strict_import_of_zones: "SELECT count(*) FROM campaign_contacts WHERE zone = 'Asia/Tokyo'",
    an_import_into_a_campaign: "SELECT count(*) FROM campaign_contacts",
    contacts_into_a_campaign: "SELECT count(*) FROM campaign_contacts",
    contacts_out_of_a_campaign: "SELECT -count(*) FROM campaign_contacts",
    contacts_put_back: "SELECT count(*) FROM campaign_contacts WHERE status = 'queued'",
    numbers_banned: "SELECT count(*) FROM do_not_call",
    a_strict_file_of_numbers: "SELECT count(*) FROM do_not_call",
    an_import_undone: "SELECT -count(*) FROM contacts WHERE do_not_call",
}
"""What clients and operators may ask for of many at once, and how much of it is done."""


@pytest.mark.parametrize("request_", LONG, ids=lambda request: request.__name__)
def test_between_two_batches_nobody_is_kept_waiting(
    world: World, request_: Callable[[World], Callable[[], object]]
) -> None:
    do = request_(world)
    there = world.sql("SELECT (SELECT count(*) FROM teams) AS teams, (SELECT count(*) FROM campaigns) AS campaigns")[0]
    done = [int(world.sql(LONG[request_])[0][0])]

    def look() -> None:
        (free,) = world.sql(GATE_AND_ROWS, team=world.team)
        assert (free.gate, free.teams, free.campaigns) == (True, there.teams, there.campaigns)
        done.append(int(world.sql(LONG[request_])[0][0]))

    with between_transactions(world, look):
        do()
    look()
    assert done[-1] - done[0] == MANY
    assert max(after - before for before, after in pairwise(done)) <= BATCH


def test_a_campaign_does_not_complete_before_all_who_are_being_added_are_there(world: World) -> None:
    """The first batch is of people nobody calls, and the last live call ends before the second."""
    world.script({"*": Life(5, 60)})
    refused, called = [world.contact(do_not_call=True) for _ in range(BATCH)], world.contact()
    campaign = world.campaign([world.contact()])
    world.run(campaign)
    live: list[bool] = []

    def look() -> None:
        if world.by_status(campaign).get("skipped", 0) == BATCH and not live:
            world.advance(90)
            live.append(world.stage.live() != [])

    with between_transactions(world, look):
        _, steps = campaign_operations.add_contacts(world.dialer, campaign, [*refused, called], actor="test")
    assert (live, world.status(campaign)) == ([False], "running")
    world.carry_out(steps)
    world.until(campaign, "completed")
    assert len(world.dialed(called)) == 1


def test_an_unknown_id_in_the_last_batch_refuses_the_whole_request(world: World) -> None:
    contacts, campaign = some_contacts(world), world.campaign()
    for many in (
        lambda: campaign_operations.add_contacts(world.dialer, campaign, [*contacts, "cont_nobody"], actor="test"),
        lambda: remove_contacts(world.dialer, world.team, campaign, [*contacts, "cont_nobody"], actor="t"),
        lambda: requeue_contacts(world.dialer, world.team, campaign, [*contacts, "cont_nobody"], actor="t"),
    ):
        with pytest.raises(NotFound, match="cont_nobody"):
            many()
    assert world.by_status(campaign) == {}
    campaign = world.campaign([*contacts[:-1], world.contact()])
    world.reserve(campaign)
    (called,) = world.sql("SELECT max(contact_id) AS id FROM calls")
    with pytest.raises(Conflict, match="have calls"):
        remove_contacts(world.dialer, world.team, campaign, [*contacts, called.id], actor="t")
    assert sum(world.by_status(campaign).values()) == MANY


# --------------------------------------------------------------------------------------------- what a batch reads

PAGES = text("""
SELECT sum(pg_stat_get_xact_blocks_fetched(oid)) FROM pg_class
WHERE relkind IN ('r', 'i') AND relnamespace = CAST('public' AS regnamespace)
""")
LINES = 40
"""In each of 20 batches: planned with the first, when next to nothing was there."""
FILES: dict[str, tuple[str, Callable[[int], str]]] = {
    "new": ("phone", lambda n: f"+1202556{n:04d}"),
    "known": ("phone,do_not_call,timezone", lambda n: f"+1202556{n - n % 2:04d},yes,Asia/Tokyo"),
    "without a number": ("phone,first_name", lambda n: f"12,Ada {n}"),
    "half known": ("phone,first_name,do_not_call", lambda n: f"+1202556{n:04d},Ada,{'yes' if n % 3 else ''}"),
}


@pytest.mark.parametrize("into_campaign", [False, True])
@pytest.mark.parametrize("file", FILES)
def test_a_batch_reads_as_much_as_the_one_before_by_plans_made_on_a_fresh_database(
    world: World, monkeypatch: pytest.MonkeyPatch, file: str, into_campaign: bool
) -> None:
    monkeypatch.setattr(batches, "BATCH", LINES)
    header, line = FILES[file]
    count, pages = 20 * LINES, list[int]()
    if "known" in file:
        some = range(0, count, 2)
        lines = ["phone\n", *(f"+1202556{n:04d}\n" for n in some)]
        load_contacts(world.dialer, world.team, None, read_contacts(lines))
    bookmark = Bookmark(keep=lambda conn, come: pages.append(int(conn.execute(PAGES).scalar_one())))
    campaign = world.campaign() if into_campaign else None
    lines = [f"{header}\n", *(f"{line(n)}\n" for n in range(count))]
    loaded = load_contacts(
        world.dialer, world.team, None, read_contacts(lines), campaign_id=campaign, bookmark=bookmark
    )
    assert loaded.written == loaded.to_write
    read = [after - before for before, after in pairwise(pages) if after > before]  # counted until they are reported
    assert max(read[-5:]) < 2 * read[0], read
