"""The files commands read and write.

What is read is a file that can be read twice: once to find what it is, once for what it says; a pipe is put on disk
first. What is written is there whole or not at all: it grows beside its place and takes it at the end.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile
from typing import IO, BinaryIO, TextIO, cast

import click

from worker.domain.csv_text import Encoding, text_of
from worker.domain.errors import Fault, Invalid

INPUT = click.Path(exists=True, dir_okay=False, allow_dash=True)
OUTPUT = click.Path(dir_okay=False, writable=True, allow_dash=True)
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "pipe": "|", "space": " "}


@contextmanager
def reading(path: str) -> Iterator[BinaryIO]:
    """The file, or what comes in by the pipe where ``path`` is ``-``. A disk that fails is named in a sentence."""
    with _naming(path), _opened(path) as file:
        if file.seekable() and stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            yield file
        else:
            with TemporaryFile() as spool:
                shutil.copyfileobj(file, spool)
                yield cast(BinaryIO, spool)


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    if path != "-":
        with open(path, "rb") as file:
            yield file
    elif sys.stdin is None or sys.stdin.isatty():  # None: it was closed
        raise Invalid([Fault("file", "Nothing comes in by a pipe; name a file.")])
    else:
        yield sys.stdin.buffer


@contextmanager
def text_in(file: BinaryIO, encoding: Encoding) -> Iterator[TextIOWrapper]:
    """The file as text."""
    text = text_of(file, encoding)
    try:
        yield text
    finally:
        text.detach()


def separator(value: str | None) -> str | None:
    """What ``--delimiter`` means."""
    chosen = None if value is None else DELIMITERS.get(value.lower(), value)
    if chosen is not None and (len(chosen) != 1 or chosen in '"\r\n\x00' or chosen.isalnum()):
        raise Invalid([Fault("delimiter", f"Give one sign, or {', '.join(sorted(DELIMITERS))}.")])
    return chosen


@contextmanager
def writing(path: str | None) -> Iterator[TextIO]:
    """A file that is replaced when all of it is written, and left as it was if that fails; without a path, or with
    ``-``, and where it is no plain file, what is written goes out as it comes."""
    if path in (None, "-"):
        with _until_nobody_reads():
            yield sys.stdout
        return
    assert path is not None
    with _naming(path):
        place = Path(path).resolve()
        if place.exists() and not place.is_file():
            with place.open("w", encoding="utf-8", newline="") as file:
                yield file
            return
        with _beside(place) as file:
            yield cast(TextIO, file)


@contextmanager
def _until_nobody_reads() -> Iterator[None]:
    """Whoever reads us may have seen enough (``| head``)."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter's own flush fails, too
        sys.exit(1)


@contextmanager
def _beside(place: Path) -> Iterator[IO[str]]:
    file = NamedTemporaryFile(  # noqa: SIM115  # it lives on under another name
        "w", encoding="utf-8", newline="", dir=place.parent, prefix=f".{place.name}.", delete=False
    )
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if place.exists():
            shutil.copymode(place, file.name)
        os.replace(file.name, place)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(file.name)
        raise


@contextmanager
def _naming(path: str) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        name = "standard input" if path == "-" else path
        raise click.ClickException(f"{name}: {error.strerror or error}.") from error
