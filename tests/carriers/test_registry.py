"""Which carriers there are: the shipped ones say all that is asked of them, and what cannot be added is left out."""

from __future__ import annotations

import json
import os
import pkgutil
import re
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import worker
from tests.carriers.installing import ACME, install
from tests.carriers.package.acme_carrier import SPEC as ACME_SPEC
from tests.patience import PATIENCE_SECONDS
from worker.carriers import registry
from worker.carriers.spec import AssistantField, CarrierSpec, Setting, SimulatedAt
from worker.simulator.protocols.base import ProtocolOptions, public_key

SHIPPED = ["simulator", "twilio", "telnyx"]
AT = SimulatedAt("http://127.0.0.1:8010", "a secret", public_key("a secret"))


def test_the_shipped_ones_are_there() -> None:
    assert list(registry.specs()) == SHIPPED
    assert registry.faults() == ()


@pytest.mark.parametrize("name", SHIPPED)
def test_what_a_spec_names_is_there_and_has_its_name(name: str) -> None:
    spec = registry.specs()[name]
    assert spec.protocol is not None
    assert spec.simulated is not None
    assert pkgutil.resolve_name(spec.protocol)(ProtocolOptions("a secret")).name == name
    defaults = {setting.name: setting.default for setting in spec.settings}
    assert pkgutil.resolve_name(spec.adapter)(defaults | dict(spec.simulated(AT)), None, 1.0).name == name


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_one_keeps_the_rules_for_an_added_one(name: str) -> None:
    assert registry._why_not(registry.specs()[name], {}) is None


def acme(**changes: object) -> CarrierSpec:
    return replace(ACME_SPEC, **changes)


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (acme(name="Acme"), "its name 'Acme' is not 2 to 30 small letters and digits, a letter first"),
        (acme(name="twilio"), "there is a carrier twilio already"),
        (acme(settings=()), "no setting is required, so nothing says when it is set up"),
        (
            acme(settings=(*ACME_SPEC.settings, Setting("DATABASE_URL"))),
            "its setting DATABASE_URL does not begin with ACME_",
        ),
        (
            acme(assistant_fields=(AssistantField("telnyx_assistant_id", "Mine."),)),
            "its field telnyx_assistant_id of assistants does not begin with acme_",
        ),
        (acme(connects_by=("acme_room",)), "it connects by acme_room, which assistants do not have"),
    ],
)
def test_one_that_is_in_the_way_of_others_is_left_out(spec: CarrierSpec, why: str) -> None:
    assert registry._why_not(spec, registry.specs()) == why
    assert registry._why_not(ACME_SPEC, registry.specs()) is None


def test_two_of_one_name_are_one_and_the_second_is_named() -> None:
    points = [EntryPoint(n, "tests.carriers.package.acme_carrier:SPEC", registry.GROUP) for n in ("one", "two")]
    found = registry._add(dict(registry.specs()), points)
    assert list(found.specs) == [*SHIPPED, "acme"]
    (fault,) = found.faults
    assert fault == "The carrier two of the package an unknown package is left out: there is a carrier acme already."


WHAT_IS_THERE = """
import json
from worker.carriers import registry
print(json.dumps([list(registry.specs()), registry.faults()]))
"""


def test_packages_that_cannot_be_used_keep_none_from_working(tmp_path: Path) -> None:
    sites = [
        install(folder(tmp_path, "good"), "good-one", {"good.py": ACME.read_text()}, {"acme": "good:SPEC"}),
        install(folder(tmp_path, "gone"), "gone-one", {}, {"gone": "not_there:SPEC"}),
        install(folder(tmp_path, "torn"), "torn-one", {"torn.py": "1 / 0"}, {"torn": "torn:SPEC"}),
        install(folder(tmp_path, "odd"), "odd-one", {"odd.py": "SPEC = 7"}, {"odd": "odd:SPEC"}),
    ]
    said = subprocess.run(
        [sys.executable, "-c", WHAT_IS_THERE],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sites))},
        cwd=Path(worker.__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert said.returncode == 0, said.stderr
    names, faults = json.loads(said.stdout)
    assert names == [*SHIPPED, "acme"]
    assert faults == [
        "The carrier gone of the package gone-one is left out: not_there:SPEC cannot be loaded "
        "(ModuleNotFoundError: No module named 'not_there').",
        "The carrier odd of the package odd-one is left out: odd:SPEC is a int, not a CarrierSpec.",
        "The carrier torn of the package torn-one is left out: torn:SPEC cannot be loaded "
        "(ZeroDivisionError: division by zero).",
    ]


def folder(within: Path, name: str) -> Path:
    made = within / name
    made.mkdir()
    return made


# ---------------------------------------------------------------------------------------------- who may name them

HOME = Path(worker.__file__).parent
MAY_NAME_THEM = ("carriers/", "simulator/", "manual/", "store/migrations/", "store/schema.sql")


@pytest.mark.parametrize("name", [name for name in SHIPPED if name != "simulator"])
def test_nothing_else_names_a_carrier(name: str) -> None:
    named = re.compile(name, re.IGNORECASE)
    files = [path for path in HOME.rglob("*") if path.suffix in (".py", ".sql", ".lua", ".md")]
    naming = [
        f"{path.relative_to(HOME)}:{number}: {line.strip()}"
        for path in files
        if not str(path.relative_to(HOME)).startswith(MAY_NAME_THEM)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if named.search(line)
    ]
    assert naming == []


@pytest.mark.parametrize("name", [name for name in SHIPPED if name != "simulator"])
def test_what_all_carriers_share_names_one_in_one_line_of_the_registry(name: str) -> None:
    shared = (HOME / "carriers").glob("*.py")
    naming = [path.name for path in shared for line in path.read_text().splitlines() if name in line.lower()]
    assert naming == ["registry.py"]
