"""Cells of a contact file that are more than a text: which of several numbers is the phone, and who is not called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from worker.domain.ban_cells import BINDS, REFUSES, BanAnswer, read_ban
from worker.domain.ban_words import forbids_by_itself, names_other_channel
from worker.domain.consent_words import is_about_calls
from worker.domain.contact_columns import Columns
from worker.domain.errors import Fault, Invalid
from worker.domain.letters import plainly_spaced, words_of
from worker.domain.screening import Phone, normalize

NUMBERS_REMEMBERED = 2000
_SHOWN = 40


class Numbers(NamedTuple):
    """The numbers of a row, the one to call first; those behind the second by the column they stand in."""

    phone: str
    secondary: str
    others: dict[str, str]


class PhoneCells:
    """Choose among the columns of phone numbers: the most wanted that can be called, else the most wanted."""

    def __init__(self, columns: Columns, region: str | None) -> None:
        self._columns = columns
        self._only = columns.phones[0] if len(columns.phones) == 1 else None

        @lru_cache(maxsize=NUMBERS_REMEMBERED)
        def can_be_called(number: str) -> bool:
            return isinstance(normalize(number, region), Phone)

        self._can_be_called = can_be_called

    def read(self, cells: Sequence[str], secondary: str) -> Numbers:
        """The numbers of a row; ``secondary`` is what a column of that name says."""
        if self._only is not None:
            phone = cells[self._only]
            is_exact = phone.isascii() or self._columns.is_export
            return Numbers(phone if is_exact else plainly_spaced(phone), secondary, {})
        given: dict[str, str] = {}
        for i in self._columns.phones:
            if cells[i]:
                given.setdefault(plainly_spaced(cells[i]), self._columns.named[i])
        if not given:
            return Numbers("", secondary, {})
        phone = next(filter(self._can_be_called, given), next(iter(given))) if len(given) > 1 else next(iter(given))
        rest = [number for number in given if number != phone]
        if rest and not secondary:
            secondary = rest.pop(0)
        return Numbers(phone, secondary, {given[number]: number for number in rest if number != secondary})


class Flag(NamedTuple):
    """Whether a row is do-not-call; where that is to be reported, the ``outcome`` by its name and a sentence."""

    do_not_call: bool
    outcome: str = ""
    message: str = ""


_MAY_BE_CALLED, _IS_BANNED = Flag(False), Flag(True)


_BEGINS = frozenset("dofnscpibarkt*#-([\"'")
"""What words that forbid calls by themselves begin with: most cells need not be looked at any further."""


def _forbids(part: str) -> bool:
    part = part.lstrip()
    return part[:1].lower() in _BEGINS and forbids_by_itself(part)


def _may_say_so(columns: Columns) -> list[int]:
    """The columns that are no fields and not about another way to reach somebody, and the tags."""
    others = [i for name, i in columns.custom.items() if not names_other_channel(words_of(name))]
    return others + [i for name, i in columns.fields.items() if name == "tags"]


class FlagCells:
    """Read the columns of bans and of consents, and what plainly forbids calls in any other; and count what cannot be
    read, by column: where that is most of what is there, it is some other column."""

    def __init__(self, columns: Columns, *, are_banned: bool = False) -> None:
        self._columns = columns
        self._others = [] if columns.is_export or are_banned else _may_say_so(columns)
        self._about_calls = [] if columns.is_export else [i for n, i in columns.custom.items() if is_about_calls(n)]
        self._filled: Counter[int] = Counter()
        self._unreadable: Counter[int] = Counter()
        self._example: dict[int, tuple[int, str]] = {}

    def read(self, line: int, cells: Sequence[str]) -> Flag:
        """What the row says."""
        flag = _MAY_BE_CALLED
        for i in self._columns.bans:
            if not cells[i]:
                continue
            self._filled[i] += 1
            answer = read_ban(cells[i])
            if answer is BanAnswer.UNREADABLE:
                flag = self._in_doubt(line, i, cells[i])
            elif answer in BINDS and not flag.do_not_call:
                flag = _IS_BANNED
        for i in self._columns.consents:
            if cells[i] and not flag.do_not_call and read_ban(cells[i]) in REFUSES:
                flag = self._because(i, cells[i], "no_consent")
        for i in self._about_calls:
            if cells[i].isalpha() and not flag.do_not_call and read_ban(cells[i]) is BanAnswer.NO:
                flag = self._because(i, cells[i], "no_consent")
        for i in self._others:
            if cells[i] and not flag.do_not_call and any(map(_forbids, cells[i].split(";"))):
                flag = self._because(i, cells[i], "do_not_call")
        return flag

    def _because(self, i: int, cell: str, outcome: str) -> Flag:
        message = f"{self._columns.named[i]}: It says {cell[:_SHOWN]!r}, so this is do-not-call."
        return Flag(True, outcome, message)

    def _in_doubt(self, line: int, i: int, cell: str) -> Flag:
        self._unreadable[i] += 1
        self._example.setdefault(i, (line, cell[:_SHOWN]))
        message = f"do_not_call: It says {cell[:_SHOWN]!r}, which is neither yes nor no; it is taken for do-not-call."
        return Flag(True, "unreadable", message)

    def refuse_another_column(self, names: Sequence[str]) -> None:
        """At the end of the file: raises :class:`Invalid` if a column of bans, by the ``names`` of the first line, is
        one only by its name. A single cell shows nothing."""
        faults = [
            Fault(
                "do_not_call",
                f"Of the {self._filled[i]} cells that say something in the column {names[i][:_SHOWN]!r}, {count} are "
                f"neither yes nor no (line {self._example[i][0]}: {self._example[i][1]!r}); if it does not say who "
                "must not be called, give it another name, else write true or false. Nothing was imported.",
            )
            for i, count in self._unreadable.items()
            if count > 1 and 2 * count > self._filled[i]
        ]
        if faults:
            raise Invalid(faults)
