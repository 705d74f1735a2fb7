"""Who looks on while a long file is read and written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from worker.domain.contact_file import LineFault


class Coming(Protocol):
    """How far a file has come: ``lines`` read, ``written`` of the ``people`` in them."""

    lines: int
    written: int

    @property
    def people(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Watch:
    """Who looks on: ``tell`` hears of each line with its ``outcome`` (``refused``, ``uncallable``, ``merged``),
    ``step`` sees how far it has come after each batch that was read or committed."""

    tell: Callable[[str, LineFault], None] = lambda outcome, fault: None
    step: Callable[[Coming], None] = lambda coming: None
