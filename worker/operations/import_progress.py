"""How far a long file has come while it is read and written, for whoever shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from worker.domain.contact_file import LineFault


class ImportProgress(Protocol):
    """How far a file has come: ``lines`` were read, and ``written`` are done of those that are ``to_write``."""

    lines: int
    written: int

    @property
    def to_write(self) -> int: ...


@dataclass(frozen=True, slots=True)
class ImportObserver:
    """``on_line`` is called for each line with an ``outcome`` of its own (``refused``, ``uncallable``, ``merged``),
    ``on_progress`` after each batch that was read or committed."""

    on_line: Callable[[str, LineFault], None] = lambda outcome, fault: None
    on_progress: Callable[[ImportProgress], None] = lambda progress: None
