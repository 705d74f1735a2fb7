"""In which encoding a file was saved, found from its bytes alone."""

from __future__ import annotations

import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.contact_file import ContactLine, read_contacts
from worker.domain.csv_text import LONGEST_RECORD, encoding_of, pieces_of, text_of
from worker.domain.errors import Fault, Invalid

TEXT = "phone,first_name\n+12025550101,Zoë\n"


@pytest.mark.parametrize(
    ("saved_as", "found"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
        ("latin-1", "cp1252"),
        ("cp1252", "cp1252"),
    ],
)
def test_a_file_reads_the_same_however_it_was_saved(saved_as: str, found: str) -> None:
    text = text_of(io.BytesIO(TEXT.encode(saved_as)))  # type: ignore[arg-type]
    assert text.encoding == found
    (contact,) = read_contacts(pieces_of(text))
    assert isinstance(contact, ContactLine)
    assert contact.first_name == "Zoë"


def test_an_encoding_that_is_said_is_taken_as_said() -> None:
    text = text_of(io.BytesIO("phone,first_name\n+12025550101,Юлия\n".encode("cp1251")), "cp1251")  # type: ignore[arg-type]
    (contact,) = read_contacts(pieces_of(text))
    assert isinstance(contact, ContactLine)
    assert contact.first_name == "Юлия"


def test_utf8_with_a_damaged_place_stays_utf8_and_costs_that_line_alone() -> None:
    content = "phone,first_name\n+12025550101,Zoë\n".encode() + b"+12025550102,Ren\xe9\n+12025550103,Ann\n"
    found = list(read_contacts(pieces_of(text_of(io.BytesIO(content)))))  # type: ignore[arg-type]
    assert [it.path if isinstance(it, Fault) else it.first_name for it in found] == ["Zoë", "line 3", "Ann"]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1), st.integers(1, 7))
def test_utf8_is_found_wherever_its_bytes_are_cut_into_pieces(text: str, size: int) -> None:
    content = ("phone," + text).encode()
    assert encoding_of(content[i : i + size] for i in range(0, len(content), size)) == "utf-8"


@given(st.binary(max_size=300), st.sampled_from([None, "utf-8", "utf-16", "cp1252", "shift_jis", "utf-7"]))
def test_whatever_the_bytes_are_they_are_contacts_and_faults_or_refused(content: bytes, encoding: str | None) -> None:
    with suppress(Invalid):
        for found in read_contacts(pieces_of(text_of(io.BytesIO(content), encoding))):  # type: ignore[arg-type]
            if isinstance(found, ContactLine):
                (found.phone or "").encode()


@pytest.mark.parametrize("content", [b"PK\x03\x04rest", b"\x1f\x8b\x08", b"%PDF-1.7", b"\xd0\xcf\x11\xe0\xa1"])
def test_what_is_plainly_no_text_is_told_for_what_it_is(content: bytes) -> None:
    with pytest.raises(Invalid, match=r"CSV|unpack"):
        encoding_of([content])


def test_a_line_beyond_all_measure_comes_in_pieces() -> None:
    sizes = [len(piece) for piece in pieces_of(io.StringIO("x" * 300_000 + "\ny\n"))]
    assert max(sizes) == LONGEST_RECORD + 1
    assert sum(sizes) == 300_003
