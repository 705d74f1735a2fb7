"""In which encoding a file was saved, found from its bytes alone."""

from __future__ import annotations

import encodings.aliases
import io
import pkgutil
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.contact_file import ContactLine, read_contacts
from worker.domain.csv_text import LONGEST_RECORD, choose_encoding, encoding_of, pieces_of, text_of
from worker.domain.encodings import declared_in, encoding_named, shown
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
    text = text_of(io.BytesIO(TEXT.encode(saved_as)))
    assert text.encoding == found
    (contact,) = read_contacts(pieces_of(text))
    assert isinstance(contact, ContactLine)
    assert contact.first_name == "Zoë"


def test_an_encoding_that_is_said_is_taken_as_said() -> None:
    text = text_of(io.BytesIO("phone,first_name\n+12025550101,Юлия\n".encode("cp1251")), "cp1251")
    (contact,) = read_contacts(pieces_of(text))
    assert isinstance(contact, ContactLine)
    assert contact.first_name == "Юлия"


def test_utf8_with_a_damaged_place_stays_utf8_and_costs_that_line_alone() -> None:
    content = "phone,first_name\n+12025550101,Zoë\n".encode() + b"+12025550102,Ren\xe9\n+12025550103,Ann\n"
    found = list(read_contacts(pieces_of(text_of(io.BytesIO(content)))))
    assert [it.path if isinstance(it, Fault) else it.first_name for it in found] == ["Zoë", "line 3", "Ann"]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1), st.integers(1, 7))
def test_utf8_is_found_wherever_its_bytes_are_cut_into_pieces(text: str, size: int) -> None:
    content = ("phone," + text).encode()
    assert encoding_of(content[i : i + size] for i in range(0, len(content), size)).name == "utf-8"


@given(st.binary(max_size=300), st.sampled_from([None, "utf-8", "utf-16", "cp1252", "shift_jis", "utf-7"]))
def test_whatever_the_bytes_are_they_are_contacts_and_faults_or_refused(content: bytes, encoding: str | None) -> None:
    with suppress(Invalid):
        for found in read_contacts(pieces_of(text_of(io.BytesIO(content), encoding))):
            if isinstance(found, ContactLine):
                (found.phone or "").encode()


@pytest.mark.parametrize("content", [b"PK\x03\x04rest", b"\x1f\x8b\x08", b"%PDF-1.7", b"\xd0\xcf\x11\xe0\xa1"])
def test_what_is_plainly_no_text_is_shown_for_what_it_is(content: bytes) -> None:
    with pytest.raises(Invalid, match=r"CSV|unpack"):
        encoding_of(iter([content]))


def test_a_line_beyond_all_measure_comes_in_pieces() -> None:
    sizes = [len(piece) for piece in pieces_of(io.StringIO("x" * 300_000 + "\ny\n"))]
    assert max(sizes) == LONGEST_RECORD + 1
    assert sum(sizes) == 300_003


NAMES = sorted({*encodings.aliases.aliases, *(module.name for module in pkgutil.iter_modules(encodings.__path__))})
NOT_TEXT = {
    "aliases", "base64", "base64_codec", "base_64", "bz2", "bz2_codec", "hex", "hex_codec", "idna", "mbcs", "dbcs",
    "oem",
    "punycode", "quopri", "quopri_codec", "quoted_printable", "quotedprintable", "raw_unicode_escape", "rot13",
    "rot_13",
    "undefined", "unicode_escape", "uu", "uu_codec", "zip", "zlib", "zlib_codec", "csHPRoman8",
}  # fmt: skip
JUNK = [b"", b"\xff\xfe\x00a,\n", bytes(range(256)) * 2, b"+ZZZZ-\x1b$B\n", b"phone\n\xe9\n"]


def read_by(name: str) -> str | None:
    """The encoding of that name, if it is one of texts; refused, it is named."""
    try:
        return encoding_named(name)
    except Invalid as error:
        return None if repr(name.strip().strip('"')) in str(error) else str(error)


def test_every_codec_of_python_is_read_or_refused_by_name() -> None:
    for name in NAMES:
        for written in (name, name.upper(), name.replace("_", "-"), f'"{name}"', f" {name} "):
            assert (read_by(written) is None) == (name in NOT_TEXT), written
            assert read_by(written) == read_by(name), written


def test_whatever_is_not_in_the_encoding_that_is_named_is_refused_or_a_fault_of_its_line() -> None:
    for name in sorted(set(NAMES) - NOT_TEXT):
        for content in ["phone,a\n+12025550101,b\n".encode(encoding_named(name)), *JUNK]:
            with suppress(Invalid):
                list(read_contacts(pieces_of(text_of(io.BytesIO(content), name))))


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("UTF-8", "utf-8"), ("utf8", "utf-8"), ("UTF-8-SIG", "utf-8-sig"), ("latin1", "iso-8859-1"), ("ISO-8859-2",
        "iso-8859-2"),
        ("windows-1250", "windows-1250"), ("x-cp1251", "windows-1251"), ("ansi", "windows-1252"), ("macintosh",
        "mac-roman"),
        ("x-mac-roman", "mac-roman"), ("Shift_JIS", "shift-jis"), ("x-sjis", "shift-jis"), ("windows-31j", "cp932"),
        ("gb2312", "gb2312"),
        ("ks_c_5601-1987", "euc-kr"), ("Windows-874", "cp874"), ("unicode", "utf-16"), ("cp437", "cp437"), ("koi8-r",
        "koi8-r"),
    ],
)  # fmt: skip
def test_names_of_the_web_and_of_windows_are_known(name: str, encoding: str) -> None:
    assert shown(encoding_named(name)) == encoding


@pytest.mark.parametrize(
    "name", ["", " ", "x" * 100, "a\0b", "utf-8\nx", "ütf-8", "../utf_8", "utf_8.os", "-", "utf 8 please"]
)
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="No encoding"):
        encoding_named(name)


@pytest.mark.parametrize(
    ("header", "declared"),
    [
        ("text/csv", None), ("text/csv; header=present", None), ("text/csv; charset=windows-1250", "windows-1250"),
        ('text/csv;CHARSET="Latin1"; header=present', "Latin1"), ("text/csv; charset=", ""),
        ('text/csv; charset="u', '"u'),
        ("text/csv; charset*=utf-8''iso-8859-2", "iso-8859-2"), ("text/csv; charset=a; charset=b", "a"), ("", None),
    ],
)  # fmt: skip
def test_a_declared_charset_is_read_as_the_header_has_it(header: str, declared: str | None) -> None:
    assert declared_in(header) == declared


@pytest.mark.parametrize(
    ("saved_as", "declared", "read_as", "source"),
    [
        ("cp1250", "windows-1250", "cp1250", "declared"),
        ("utf-8-sig", "cp1250", "utf-8", "byte_order_mark"),
        ("utf-8-sig", "utf-8", "utf-8", "declared"),
        ("utf-8", "utf-8-sig", "utf-8-sig", "declared"),
        ("utf-16", "utf-8", "utf-16", "byte_order_mark"),
        ("utf-16", "utf-16-le", "utf-16", "declared"),
        ("utf-16-le", "utf-16", "utf-16-le", "declared"),
        ("utf-16-be", "UTF-16", "utf-16-be", "declared"),
        ("utf-16", None, "utf-16", "byte_order_mark"),
        ("utf-8", None, "utf-8", "assumed"),
        ("cp1252", None, "cp1252", "assumed"),
    ],
)
def test_a_mark_is_believed_more_than_what_is_declared_and_that_more_than_a_guess(
    saved_as: str, declared: str | None, read_as: str, source: str
) -> None:
    file = io.BytesIO(TEXT.encode(saved_as))
    chosen = choose_encoding(file, declared)
    assert (chosen.name, chosen.source) == (read_as, source)
    assert bool(chosen.note) is ((source == "byte_order_mark" and declared is not None) or read_as == "cp1252")
    (contact,) = read_contacts(pieces_of(text_of(file, chosen)))
    assert isinstance(contact, ContactLine)
    assert contact.first_name == "Zoë"


@pytest.mark.parametrize("content", [b"PK\x03\x04rest", b"%PDF-1.7"])
def test_what_is_plainly_no_text_is_shown_whatever_is_declared(content: bytes) -> None:
    with pytest.raises(Invalid, match="file"):
        choose_encoding(io.BytesIO(content), "utf-8")
