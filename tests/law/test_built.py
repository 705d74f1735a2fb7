"""What is made of the facts is made of these facts."""

from __future__ import annotations

from pathlib import Path

import phonenumbers
import yaml

import worker.law
from worker.law import build, build_holidays, build_places
from worker.law.reading import law
from worker.law.tables import area_codes

HERE = Path(worker.law.__file__).parent
FACTS = yaml.safe_load((HERE / "facts.yaml").read_text("utf-8"))


def test_the_packs_are_those_of_the_facts() -> None:
    made = build.packs(FACTS)
    assert {path.name: path.read_text("utf-8") for path in HERE.glob("pack_*.toml")} == made
    assert (HERE / "version.py").read_text("utf-8") == build.version(FACTS)


def test_every_fact_is_a_rule() -> None:
    assert {rule.id.removesuffix(".before") for rule in law().rules} == {fact["id"] for fact in FACTS["rules"]}


def test_the_holidays_are_those_of_the_package() -> None:
    assert (HERE / "holidays.toml").read_text("utf-8") == build_holidays.text()


def test_the_area_codes_are_those_of_the_sources() -> None:
    """Of the edition of the library that made them, to the letter; of a later one, no zone less than it has."""
    kept, made = (HERE / "nanp.toml").read_text("utf-8"), build_places.text()
    if phonenumbers.__version__ in kept.partition("\n")[0]:
        assert kept == made
    later = {code: place.partition(":") for place, codes in build_places.table().items() for code in codes}
    for code, (areas, zones) in area_codes().items():
        assert ",".join(areas) == later[code][0]
        assert {*later[code][2].split(",")} <= {*zones}
