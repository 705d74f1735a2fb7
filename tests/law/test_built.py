"""What is made of the facts is made of these facts."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
import yaml

import worker.law
from worker.law import build, build_holidays, build_places
from worker.law.reading import law

HERE = Path(worker.law.__file__).parent
FACTS = yaml.safe_load((HERE / "facts.yaml").read_text("utf-8"))


def test_the_packs_are_those_of_the_facts() -> None:
    made = build.packs(FACTS)
    assert {path.name: path.read_text("utf-8") for path in HERE.glob("pack_*.toml")} == made
    assert (HERE / "version.py").read_text("utf-8") == build.version(FACTS)


def test_every_fact_is_a_rule() -> None:
    assert {rule.id.removesuffix(".before") for rule in law().rules} == {fact["id"] for fact in FACTS["rules"]}


@pytest.mark.parametrize("built", [build_places, build_holidays], ids=["nanp.toml", "holidays.toml"])
def test_a_table_is_what_its_script_makes(built: ModuleType) -> None:
    name = {build_places: "nanp.toml", build_holidays: "holidays.toml"}[built]
    assert (HERE / name).read_text("utf-8") == built.text()
