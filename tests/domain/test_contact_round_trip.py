"""What an export writes, an import reads as it was, whatever people have written into it."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.column_names import ALSO_CUSTOM
from worker.domain.contact_file import ContactFile, ContactLine, LineFault
from worker.domain.contact_table import CONTACT_FIELDS, OURS, SINCE, tags_of, text_of, texts_of
from worker.domain.errors import Invalid
from worker.domain.spreadsheet import cell, cells, text_of_cell

HOSTILE = [
    "'", "''", "'=Ann", "=Ann", "''=Ann", "+1 202", "-1", "+12025550123", "@x", "\t", "\r", "\n", "\r\n", "'\n=1",
    " = 1", "＝1",
    '"', '""', ",", ";", "\\", "\\;", "\\\\", ";;", "|", "{}", '{"a": 1}', "null", "true", "[]", "no", "do not call",
    "phone",
    "  ", "\u00a0", "\u200b", "\ufeff", "\u2028", "\u202e", "👩‍👩‍👧", "é", "e\u0301", "İ", "Total", "---", "n/a",
    "#REF!", "%s", "\x1f",
]  # fmt: skip
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
WORDS = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(CHARACTERS, max_size=8),
    st.lists(st.sampled_from(HOSTILE), max_size=4).map("".join),
)
KEYS = st.one_of(
    WORDS, st.sampled_from([*CONTACT_FIELDS, "Do Not Call?", "DNC", "Suppressed", "Opt-in", "", "custom_fields"])
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=6,
)
CONTACTS = st.fixed_dictionaries(
    {
        "contact_id": st.sampled_from(["cont_1", "cont_01j9zz", "=id", "'x"]),
        "external_id": st.one_of(st.none(), WORDS.filter(bool)),
        "first_name": WORDS,
        "last_name": WORDS,
        "phone": st.one_of(st.none(), st.sampled_from(["+12025550123", "+4930123456"]), WORDS),
        "phone_secondary": st.one_of(st.none(), WORDS),
        "email": st.one_of(st.none(), WORDS),
        "timezone": st.sampled_from([None, "Europe/Berlin"]),
        "timezone_confirmed": st.booleans(),
        "country": st.sampled_from([None, "DE"]),
        "region": st.one_of(st.none(), WORDS),
        "postal_code": st.sampled_from([None, "=1+1", "10115"]),
        "do_not_call": st.booleans(),
        "status": st.sampled_from(["pending", "skipped"]),
        "reason": st.sampled_from([None, "do_not_call"]),
        "attempts": st.integers(0, 20),
        "last_disposition": st.sampled_from([None, "busy"]),
        "last_call_at": st.sampled_from([None, "2027-03-01T17:00:00Z"]),
        "next_call_at": st.none(),
        "callback_at": st.sampled_from([None, "2027-03-01T17:00:00Z"]),
        "tags": st.lists(WORDS.filter(bool), max_size=4, unique=True),
        "custom_fields": st.dictionaries(KEYS, JSON, max_size=4),
    }
)


def written(rows: list[dict[str, Any]], **how: Any) -> str:
    """The file as the export writes it."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, **how)
    writer.writerow(CONTACT_FIELDS)
    writer.writerows(cells(texts_of(row)) for row in rows)
    return file.getvalue()


def read(text: str) -> list[ContactLine]:
    found = list(ContactFile(io.StringIO(text, newline="")))
    assert not [it for it in found if isinstance(it, LineFault)], found
    return [it for it in found if isinstance(it, ContactLine)]


def said(contact: ContactLine) -> dict[str, Any]:
    """What a line says of the person, by the names of the table."""
    named = (
        "contact_id",
        "external_id",
        "first_name",
        "last_name",
        "phone",
        "phone_secondary",
        "email",
        "timezone",
        "country",
        "region",
        "postal_code",
        "do_not_call",
    )
    fields = {name: getattr(contact, name) or None for name in named}
    fields["timezone_confirmed"] = contact.timezone_confirmed == "true" or None
    return {**fields, "tags": list(contact.tags), "custom_fields": dict(contact.custom_fields)}


def expected(row: dict[str, Any]) -> dict[str, Any]:
    persons = {
        name: value or None for name, value in row.items() if name not in (*OURS, *SINCE) or name == "contact_id"
    }
    return {**persons, "tags": row["tags"], "custom_fields": row["custom_fields"]}


@given(rows=st.lists(CONTACTS, max_size=4), delimiter=st.sampled_from([",", ";", "\t"]))
def test_a_round_trip_changes_nothing(rows: list[dict[str, Any]], delimiter: str) -> None:
    found = read(written(rows, delimiter=delimiter))
    assert [said(contact) for contact in found] == [expected(row) for row in rows]
    assert [contact.notice for contact in found] == [None] * len(rows)
    again = [{**row, **said(contact)} for row, contact in zip(rows, found, strict=True)]
    assert json.dumps([expected(row) for row in again]) == json.dumps([expected(row) for row in rows])


@given(st.lists(WORDS.filter(bool), unique=True))
def test_tags_may_have_semicolons_and_backslashes(tags: list[str]) -> None:
    assert tags_of(text_of(tags)) == tags


@given(WORDS)
def test_a_cell_is_taken_back_to_the_text_it_was(value: str) -> None:
    assert text_of_cell(cell(value)) == value


@given(WORDS, WORDS)
def test_no_two_texts_make_the_same_cell(one: str, other: str) -> None:
    assert (cell(one) == cell(other)) == (one == other)


ROW = {
    **dict.fromkeys(CONTACT_FIELDS), "contact_id": "cont_1", "first_name": "Ada", "phone": "+12025550123",
    "status": "pending",
    "attempts": 0, "tags": [], "custom_fields": {"n": [1]}, "do_not_call": False,
}  # fmt: skip


def test_columns_of_ours_become_no_custom_fields_and_added_ones_do() -> None:
    header, line = written([ROW]).splitlines()
    (contact,) = read(f"{header},Plan\n{line},gold\n")
    assert contact.custom_fields == {"n": [1], "plan": "gold"}


def test_an_older_export_without_do_not_call_is_read_as_one() -> None:
    names = [name for name in CONTACT_FIELDS if name not in ("do_not_call", "phone_secondary", *SINCE)]
    file = io.StringIO(newline="")
    csv.writer(file).writerows([names, cells(texts_of(ROW, names))])
    (contact,) = read(file.getvalue())
    assert (contact.first_name, contact.custom_fields, contact.contact_id) == ("Ada", {"n": [1]}, "cont_1")


@pytest.mark.parametrize("missing", OURS)
def test_a_file_of_others_keeps_a_column_that_is_called_like_ours(missing: str) -> None:
    names = [name for name in CONTACT_FIELDS if name != missing]
    found = ContactFile([",".join(names) + "\n"]).columns
    assert not found.is_export
    assert set(found.custom) == {*OURS, *SINCE, *ALSO_CUSTOM} - {missing}


@pytest.mark.parametrize(
    "text", ["{", "[1]", '"x"', "NaN", '{"a": NaN}', '{"a": "\\u0000"}', '{"a": "\\ud800"}', "[" * 5000, "9" * 5000]
)
def test_custom_fields_that_are_no_object_cost_their_line(text: str) -> None:
    header, line = written([ROW]).splitlines()
    broken = line.replace('"{""n"": [1]}"', '"' + text.replace('"', '""') + '"')
    (fault,) = ContactFile([f"{header}\n", f"{broken}\n"])
    assert isinstance(fault, LineFault)
    assert "custom_fields" in fault.message


def test_an_export_without_its_numbers_is_refused() -> None:
    with pytest.raises(Invalid, match="one must be phone"):
        ContactFile([",".join(name for name in CONTACT_FIELDS if name != "phone") + "\n"])
