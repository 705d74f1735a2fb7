"""What a CSV is before it is a table: bytes in some encoding, and lines of some length.

Nobody says in which encoding a file was saved, so it is found by what cannot be mistaken: a byte order mark, the NULs
of UTF-16 in what must be a line of plain names, or text that is UTF-8 from its first byte to its last. What is none
of these is read as Windows-1252, which is Latin-1 with the signs Excel adds. Guessing further, among the code pages of
the world, is wrong too often to be done in silence; whoever has such a file knows it, and says so: then it is read as
declared. Only a byte order mark is believed more than that, for nobody writes one by mistake.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from io import TextIOWrapper
from itertools import chain
from typing import BinaryIO, TextIO

from worker.domain.encodings import encoding_named, shown
from worker.domain.errors import Fault, Invalid

LONGEST_RECORD = 131_072
"""Characters of one line, and of one record with all its lines; also the longest field Python's csv reads."""
UNDECODED = "undecoded"
"""The error handler to open a file with: what is no text becomes half a surrogate pair, which no text has, and
costs its own line alone."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NO_CSV = (
    (b"PK\x03\x04", "This is a workbook or a ZIP archive, no CSV; save the sheet as CSV first."),
    (b"\xd0\xcf\x11\xe0", "This is an old Excel workbook, no CSV; save the sheet as CSV first."),
    (b"\x1f\x8b", "This is compressed; unpack it first."),
    (b"%PDF-", "This is a PDF, no CSV."),
)
_CHUNK_BYTES = 1024 * 1024
_ASSUMED_NOTE = (
    "Read as Windows-1252, for it is not UTF-8 and no encoding was declared; if names look wrong, declare it."
)
_UNDECODED = re.compile("[\ud800-\udfff]")
_BEYOND_ASCII = re.compile("[^\x00-\x7f\ud800-\udfff]")


def _as_undecoded(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\udcff", error.end


codecs.register_error(UNDECODED, _as_undecoded)
_ANSI_NOTE = "By ANSI we take Windows-1252; if names look wrong, say which one it is, such as windows-1250."


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a file is read: ``name`` as Python calls it; ``source`` is ``declared``, ``byte_order_mark`` or ``assumed``;
    ``note`` says what somebody should know of that."""

    name: str
    source: str
    note: str | None = None

    @property
    def shown(self) -> str:
        """The name people know it by."""
        return shown(self.name)


def choose_encoding(file: BinaryIO, declared: str | None = None) -> Encoding:
    """How to read a file, which must be one that can be read twice: by its byte order mark, else as ``declared``, else
    by its bytes. Raises :class:`Invalid` for a declared encoding nobody knows, and for what is plainly no text."""
    file.seek(0)
    if declared is None:
        return encoding_of(iter(partial(file.read, _CHUNK_BYTES), b""))
    wanted = encoding_named(declared)
    head = file.read(8)
    marked = _marked(head)
    if marked is not None:
        if _family(marked) == _family(wanted):
            return Encoding(marked, "declared")
        note = f"Declared as {shown(wanted)}, but its byte order mark is that of {marked}; read as {marked}."
        return Encoding(marked, "byte_order_mark", note)
    if wanted == "utf-16":
        # Without a mark it is little-endian, as Windows writes it, unless the first character shows the contrary.
        return Encoding(_utf16_by_nuls(head) or "utf-16-le", "declared")
    return Encoding(wanted, "declared", _ANSI_NOTE if "ansi" in declared.lower() and wanted == "cp1252" else None)


def _marked(head: bytes) -> str | None:
    for sign, message in _NO_CSV:
        if head.startswith(sign):
            raise Invalid([Fault("file", message)])
    return next((encoding for mark, encoding in _MARKS if head.startswith(mark)), None)


def _family(encoding: str) -> str:
    """``utf-16`` of ``utf-16-le``."""
    return "-".join(encoding.lower().replace("_", "-").split("-")[:2])


def _utf16_by_nuls(head: bytes) -> str | None:
    """What the NULs beside the first two letters show."""
    if head[1:4:2] == b"\x00\x00" and head[0:3:2].isalnum():
        return "utf-16-le"
    if head[0:3:2] == b"\x00\x00" and head[1:4:2].isalnum():
        return "utf-16-be"
    return None


def encoding_of(pieces: Iterator[bytes]) -> Encoding:
    """The encoding of a file, by all of its bytes; where it is UTF-8 with damaged places, UTF-8. Raises
    :class:`Invalid` for what is plainly no text."""
    head = next(pieces, b"")
    marked = _marked(head)
    if marked is not None:
        return Encoding(marked, "byte_order_mark")
    found = _utf16_by_nuls(head) or _utf8_or_windows(head, pieces)
    return Encoding(found, "assumed", _ASSUMED_NOTE if found == "cp1252" else None)


def _utf8_or_windows(head: bytes, pieces: Iterable[bytes]) -> str:
    decoder = codecs.getincrementaldecoder("utf-8")(UNDECODED)
    is_damaged = has_utf8 = False
    for piece in chain([head], pieces):
        is_damaged, has_utf8 = _seen(decoder.decode(piece), is_damaged, has_utf8)
        if is_damaged and has_utf8:
            return "utf-8"
    is_damaged, has_utf8 = _seen(decoder.decode(b"", final=True), is_damaged, has_utf8)
    return "cp1252" if is_damaged and not has_utf8 else "utf-8"


def _seen(text: str, is_damaged: bool, has_utf8: bool) -> tuple[bool, bool]:
    if text.isascii():
        return is_damaged, has_utf8
    return is_damaged or bool(_UNDECODED.search(text)), has_utf8 or bool(_BEYOND_ASCII.search(text))


def text_of(file: BinaryIO, encoding: Encoding | str | None = None) -> TextIOWrapper:
    """Read a file as text, in the encoding that was chosen, or as one that is declared, or as its bytes are. Detach the
    text before the file is used again."""
    chosen = encoding if isinstance(encoding, Encoding) else choose_encoding(file, encoding)
    file.seek(0)
    return TextIOWrapper(file, chosen.name, UNDECODED, newline="")


def pieces_of(file: TextIO) -> Iterator[str]:
    """The lines of an open file, and of a line beyond all measure its pieces, so that it is never held whole. Raises
    :class:`Invalid` where the encoding cannot be that of the file (UTF-16 without its mark, when it was said to be
    just that)."""
    try:
        while piece := file.readline(LONGEST_RECORD + 1):
            yield piece
    except UnicodeError as error:
        raise Invalid([Fault("encoding", f"The file is no {file.encoding}: {error}.")]) from error


class TooLong(csv.Error):
    """A record that goes on for more than ``LONGEST_RECORD`` characters."""


class CsvLines:
    """CsvLines for a CSV reader, which holds a record whole: it is given no more of one than it may hold.

    ``count`` is how many lines were read, ``is_cut`` whether the last of them had no end. Raises :class:`TooLong`
    once the record has more than its measure; reading goes on afterwards, so this is no generator.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._held = 0
        self._in_quotes = False
        self.count = 0
        self.is_cut = False

    def __iter__(self) -> CsvLines:
        return self

    def __next__(self) -> str:
        line = self._line()
        self._held += len(line)
        if len(line) > LONGEST_RECORD or self._held > LONGEST_RECORD:
            raise TooLong
        return line

    def begin_record(self) -> None:
        """What was read so far is dealt with."""
        self._held = 0
        self._in_quotes = False

    def pass_over(self) -> None:
        """Go on to the end of a record that was too long: to the line in which its last quote closes."""
        while self._in_quotes:
            try:
                self._line()
            except StopIteration:
                return

    def _line(self) -> str:
        line = next(self._lines)
        self.count += 1
        piece = line
        self._note(piece)
        while not piece.endswith(("\n", "\r")) and len(piece) > LONGEST_RECORD:
            piece = next(self._lines, "")
            self._note(piece)
        self.is_cut = not (piece or line).endswith(("\n", "\r"))
        return line

    def _note(self, piece: str) -> None:
        if '"' in piece:
            self._in_quotes ^= bool(piece.count('"') % 2)
