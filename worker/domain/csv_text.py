"""What a CSV is before it is a table: bytes in some encoding, and lines of some length.

Nobody says in which encoding a file was saved, so it is found by what cannot be mistaken: a byte order mark, the NULs
of UTF-16 in what must be a line of plain names, or text that is UTF-8 from its first byte to its last. What is none
of these is read as Windows-1252, which is Latin-1 with the signs Excel adds. Guessing further, among the code pages of
the world, is wrong too often to be done in silence; whoever has such a file knows it, and says so.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable, Iterator
from functools import partial
from io import TextIOWrapper
from itertools import chain
from typing import BinaryIO, TextIO

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
_UNDECODED = re.compile("[\ud800-\udfff]")
_BEYOND_ASCII = re.compile("[^\x00-\x7f\ud800-\udfff]")


def _as_undecoded(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\udcff", error.end


codecs.register_error(UNDECODED, _as_undecoded)


def encoding_of(chunks: Iterable[bytes]) -> str:
    """The encoding of a file, from all of its bytes in pieces; where it is UTF-8 with damaged places, UTF-8.

    Raises :class:`Invalid` for what is plainly no text.
    """
    pieces = iter(chunks)
    head = next(pieces, b"")
    for sign, message in _NO_CSV:
        if head.startswith(sign):
            raise Invalid([Fault("file", message)])
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    if head[1:4:2] == b"\x00\x00" and head[0:3:2].isalnum():
        return "utf-16-le"
    if head[0:3:2] == b"\x00\x00" and head[1:4:2].isalnum():
        return "utf-16-be"
    return _utf8_or_windows(head, pieces)


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


def text_of(file: BinaryIO, encoding: str | None = None) -> TextIOWrapper:
    """Read a file, which must be one that can be read twice, as text in its ``encoding``; without one, it is found.
    Detach the text before the file is used again."""
    if encoding is None:
        file.seek(0)
        encoding = encoding_of(iter(partial(file.read, _CHUNK_BYTES), b""))
    file.seek(0)
    return TextIOWrapper(file, encoding, UNDECODED, newline="")


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


class Lines:
    """Lines for a CSV reader, which holds a record whole: it is given no more of one than it may hold.

    ``count`` is how many lines were read, ``is_cut`` whether the last of them had no end. Raises :class:`TooLong`
    once the record has more than its measure; reading goes on afterwards, so this is no generator.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._held = 0
        self._in_quotes = False
        self.count = 0
        self.is_cut = False

    def __iter__(self) -> Lines:
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
