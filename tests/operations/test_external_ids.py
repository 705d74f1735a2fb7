"""A file that names people by another system's ids: who is meant, and that the same file again changes nothing."""

from __future__ import annotations

import pytest

from tests.operations.test_import_merging import counts, read, rows
from tests.world import World
from worker.domain.contact_file import read_contacts
from worker.domain.contact_table import CONTACT_FIELDS, texts_of
from worker.operations.export import export_contacts
from worker.operations.imports import load_contacts

HEADER = "external_id,phone,first_name"
ONE, TWO = "+12025550101", "+12025550102"


def known(world: World) -> list[tuple[str | None, str | None, str]]:
    return sorted(((row.external_id, row.phone_e164, row.first_name) for row in rows(world)), key=str)


@pytest.mark.parametrize(
    ("there", "lines", "expected"),
    [
        pytest.param([("a", ONE, "Ada")], [f"a,{TWO},"], [("a", TWO, "Ada")], id="by its id, whatever the number"),
        pytest.param([("a", ONE, "Ada")], [f"b,{ONE},Bob"], [("a", ONE, "Ada"), ("b", ONE, "Bob")],
                     id="another id is somebody else, though the number is one"),
        pytest.param([(None, ONE, "Ada")], [f"a,{ONE},"], [("a", ONE, "Ada")], id="who has none is given it"),
        pytest.param([(None, ONE, "Ada")], [f"a,{ONE},", f"b,{ONE},Bob"], [("a", ONE, "Ada"), ("b", ONE, "Bob")],
                     id="and only one of two"),
        pytest.param([("a", ONE, "Ada")], [f",{ONE},Bob"], [("a", ONE, "Bob")], id="without an id by the number"),
        pytest.param([], [f",{ONE},Ada", f"a,{ONE},"], [("a", ONE, "Ada")], id="in the file, too"),
        pytest.param([], [f"a,{ONE},Ada", f"a,{TWO},", "a,,Bob"], [("a", TWO, "Bob")],
                     id="the latest number that can be called"),
        pytest.param([("a", ONE, "Ada")], ["a,12,Bob"], [("a", ONE, "Bob")], id="none that cannot takes its place"),
        pytest.param([], ["a,,Ada", "b,,Ada"], [("a", None, "Ada"), ("b", None, "Ada")], id="the same words, two ids"),
        pytest.param([("a", ONE, "Ada"), ("b", TWO, "Bob")], [f"a,{TWO},"], [("a", TWO, "Ada"), ("b", TWO, "Bob")],
                     id="the id goes before the number of another"),
    ],
)  # fmt: skip
def test_an_external_id_goes_before_the_number(
    world: World,
    there: list[tuple[str | None, str, str]],
    lines: list[str],
    expected: list[tuple[str | None, str | None, str]],
) -> None:
    for external_id, phone, name in there:
        world.contact(phone, external_id=external_id, first_name=name)
    dry = counts(read(world, HEADER, *lines, dry_run=True))
    assert counts(read(world, HEADER, *lines)) == dry
    assert known(world) == expected
    before = rows(world)
    read(world, HEADER, *lines[:1])
    again = read(world, HEADER, *lines)
    assert again.created == 0
    assert [(row.id, row.external_id) for row in rows(world)] == [(row.id, row.external_id) for row in before]


def test_a_number_that_an_import_changes_is_the_one_that_is_called(world: World) -> None:
    contact = world.contact(ONE, external_id="a")
    campaign = world.campaign([contact])
    steps = world.reserve(campaign)
    read(world, HEADER, f"a,{TWO},")
    world.carry_out(steps)
    world.advance(60)
    assert world.stage.requests[0].to_number == TWO
    assert len(world.stage.requests) == 1
    world.finish_all()


def test_an_export_with_external_ids_is_taken_back_unchanged(world: World) -> None:
    shared = [world.contact(ONE, external_id="a"), world.contact(ONE, external_id="b"), world.contact(ONE)]
    campaign = world.campaign([*shared, world.contact(TWO)])
    exported = [
        ",".join(CONTACT_FIELDS),
        *map(",".join, map(texts_of, export_contacts(world.dialer, world.team, campaign))),
    ]
    before = rows(world)
    loaded = load_contacts(world.dialer, world.team, None, read_contacts(f"{line}\n" for line in exported))
    assert counts(loaded) == (0, 0, 4, 0, 0)
    assert rows(world) == before
