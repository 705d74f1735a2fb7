"""The sample files are what the product understands, and ring nobody."""

from __future__ import annotations

import io
import re
from importlib import resources

from tests.domain.column_page import column_page
from worker.domain.contact_file import ContactFile, ContactLine, number_file
from worker.domain.screening import Phone, normalize

FOLDER = resources.files("worker") / "samples"
FOR_FICTION = re.compile(r"\+120255501[0-9]{2}")


def lines(name: str) -> io.StringIO:
    return io.StringIO((FOLDER / name).read_text(encoding="utf-8"), newline="")


def numbers(*written: str | None) -> list[str]:
    read = [normalize(number, "US") for number in written if number]
    return [phone.e164 for phone in read if isinstance(phone, Phone)]


def test_every_person_of_the_sample_is_imported_with_a_number_for_fiction() -> None:
    people = list(ContactFile(lines("people.csv"), region="US"))
    assert all(isinstance(person, ContactLine) and person.notice is None for person in people)
    each = [person for person in people if isinstance(person, ContactLine)]
    found = [number for person in each for number in numbers(person.phone, person.phone_secondary)]
    assert len({*numbers(*(person.phone for person in each))}) == len(each) == 10
    assert all(map(FOR_FICTION.fullmatch, found))
    assert sum(person.do_not_call for person in each) == 2
    assert all(person.first_name and person.last_name for person in each)


def test_the_sample_of_numbers_needs_no_country_and_bans_somebody_of_the_people() -> None:
    banned = list(number_file(lines("never-call.txt")))
    found = [
        number.e164
        for line in banned
        if isinstance(line, ContactLine) and isinstance(number := normalize(line.phone), Phone)
    ]
    assert len(found) == len(banned) == 3
    assert all(map(FOR_FICTION.fullmatch, found))
    people = [it for it in ContactFile(lines("people.csv"), region="US") if isinstance(it, ContactLine)]
    assert set(found) & set(numbers(*(it.phone for it in people)))


def test_the_page_of_names_is_that_of_the_tables() -> None:
    assert (FOLDER / "columns.md").read_text(encoding="utf-8") == column_page(), (
        "write it again: tests.domain.column_page.column_page()"
    )
