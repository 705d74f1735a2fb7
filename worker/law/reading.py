"""Read packs of rules. A mistake is refused with its file and line, and never passed over: a rule that is left out
would let calls through."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytz

from worker.law.rules import AFTER, CapClause, ConsentClause, Law, QuietClause, Rule, Span
from worker.law.words import CALLED_PARTY, DAYS, EVIDENCE, LINES, PURPOSES, VOICES, Consent

HOLIDAYS = "holidays.toml"
PACKS = "pack_*.toml"
MOST_CALLS, MOST_HOURS = 32, 31 * 24 + 1
"""What the history of a number keeps: its newest 32 calls, of 31 days."""
_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|(24):(00))")
_PLACE = re.compile("[A-Z]{2}(-[A-Z0-9]{1,3})?")
_ID = re.compile(r"(?<![a-z0-9_.])[a-z0-9_]+(\.[a-z0-9_]+)+")  # tried where it may begin, and nowhere else
_TOML_LINE = re.compile(r"\(at line (\d+)")
_CONSENTS = {each.name.lower(): each for each in Consent if each}


class PackMistake(ValueError):
    """A pack that cannot be read: ``file``, ``line`` (1 is the first), and what is wrong there."""

    def __init__(self, file: str, line: int, message: str) -> None:
        self.file, self.line = file, line
        super().__init__(f"{file}, line {line}: {message}")


class _Wrong(ValueError):
    """A value is wrong; ``key`` is where it stands, in its rule."""

    def __init__(self, key: str, message: str) -> None:
        self.key, self.message = key, message
        super().__init__(message)


@cache
def law() -> Law:
    """The packs of this version. Raises :class:`PackMistake`."""
    return read_law(files("worker.law"))


def read_law(folder: Traversable | Path) -> Law:
    """All packs of a folder, and its holidays. Raises :class:`PackMistake`."""
    texts = {each.name: each.read_text("utf-8") for each in folder.iterdir() if each.name.endswith(".toml")}
    packs = sorted(name for name in texts if re.compile(PACKS.replace("*", "[a-z]{2}")).fullmatch(name))
    if not packs:
        raise PackMistake(PACKS, 1, "There is no pack at all; put at least one beside the holidays.")
    holidays = read_holidays(HOLIDAYS, texts.get(HOLIDAYS, ""))
    rules: list[Rule] = []
    for name in packs:
        rules += read_pack(name, texts[name], holidays)
    _refuse_twice(rules, texts)
    return Law(tuple(rules), holidays)


def read_pack(file: str, text: str, calendars: Iterable[str] = ()) -> list[Rule]:
    """The rules of a pack; ``calendars`` are the names a rule may close by. Raises :class:`PackMistake`."""
    document = _parsed(file, text)
    rules = document.get("rule")
    if not isinstance(rules, list) or not all(isinstance(each, dict) for each in rules):
        raise PackMistake(file, 1, "Write each rule under a line [[rule]].")
    if unknown := sorted(document.keys() - {"rule"}):
        raise PackMistake(file, _line_of(text, 0, unknown[0]), f"{unknown[0]} is not known here.")
    found = []
    for n, each in enumerate(rules, start=1):
        try:
            found.append(_rule(each, frozenset(calendars)))
        except _Wrong as wrong:
            raise PackMistake(file, _line_of(text, n, wrong.key), f"{wrong.key}: {wrong.message}") from None
    return found


def read_holidays(file: str, text: str) -> dict[str, frozenset[date]]:
    """The dates of each calendar: a table a calendar, a line a year, such as ``2026 = "01-01 12-25"``. Raises
    :class:`PackMistake`."""
    found = {}
    for name, years in _parsed(file, text).items():
        of_year = years.items() if isinstance(years, dict) else [(name, "")]
        found[name] = frozenset(day for year, days in of_year for day in _dates(file, text, year, days))
    return found


def _dates(file: str, text: str, year: str, days: object) -> list[date]:
    try:
        return [date.fromisoformat(f"{int(year):04}-{day}") for day in str(days).split()]
    except ValueError:
        line = next((n for n, each in enumerate(text.split("\n"), 1) if str(days) in each and year in each), 1)
        example = '2026 = "01-01 12-25"'
        raise PackMistake(file, line, f"{year}: Write the days of a year as MM-DD, such as {example}.") from None


def _parsed(file: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = _TOML_LINE.search(str(error))
        line = int(at[1]) if at else text.count("\n") + 1
        raise PackMistake(file, line, f"This is no TOML: {error}.") from None


def _line_of(text: str, rule: int, key: str) -> int:
    """Where a key of the n-th rule stands; where it does not, the head of the rule."""
    lines = text.split("\n")
    heads = [0, *(n for n, line in enumerate(lines) if line.strip() == "[[rule]]")]
    start = heads[min(rule, len(heads) - 1)]
    for n in range(start + 1 if rule else 0, len(lines)):
        if lines[n].strip() == "[[rule]]":
            break
        if re.compile(rf'\s*"?{re.escape(key)}"?\s*=').match(lines[n]):
            return n + 1
    return start + 1


def _refuse_twice(rules: Sequence[Rule], texts: Mapping[str, str]) -> None:
    seen: set[str] = set()
    for rule in rules:
        named = rule.exempts
        if named and all(named != other.id for other in rules):
            raise _mistake_at(texts, rule.id, f"exempts: there is no rule {named}.")
        if rule.id in seen:
            raise _mistake_at(texts, rule.id, f"id: there are two rules {rule.id}.")
        seen.add(rule.id)


def _mistake_at(texts: Mapping[str, str], rule_id: str, message: str) -> PackMistake:
    at = [
        (name, n)
        for name, text in sorted(texts.items())
        for n, line in enumerate(text.split("\n"), 1)
        if re.compile(rf'\s*id\s*=\s*"{re.escape(rule_id)}"\s*').fullmatch(line)
    ]
    return PackMistake(*(at[-1] if at else (PACKS, 1)), message)


def _rule(given: Mapping[str, Any], calendars: frozenset[str]) -> Rule:
    values = _Values(given)
    rule = Rule(
        id=values.text("id", _ID, "such as us.fl.hours"),
        place=values.text("place", _PLACE, "a country or one of its states, such as US or US-FL"),
        title=values.text("title"),
        law=values.text("law"),
        evidence=values.one_of("evidence", EVIDENCE),
        binding=values.flag("binding", needed=True),
        checked=values.day("checked", needed=True) or date.max,
        sources=values.texts("sources", needed=True),
        purposes=values.several_of("purposes", PURPOSES),
        voice=values.one_of("voice", ("any", *VOICES), "any"),
        line=values.one_of("line", ("any", *LINES), "any"),
        clocks=values.texts("clocks"),
        hours=values.taken("hours", _week),
        closed=values.one_of("closed", sorted(calendars), None),
        caps=values.clauses("caps", _cap),
        quiet=values.clauses("quiet", _quiet),
        consent=values.clauses("consent", _consent),
        prohibited=values.flag("prohibited"),
        exempts=values.text("exempts", _ID) if "exempts" in given else None,
        since=values.day("since"),
        until=values.day("until"),
        duties=values.texts("duties"),
    )
    values.nothing_else()
    _refuse_together(rule)
    return rule


def _refuse_together(rule: Rule) -> None:
    """What is right alone, and not together."""
    if (rule.hours is None) != (not rule.clocks):
        raise _Wrong("clocks" if rule.clocks else "hours", "Hours need a clock, and a clock needs hours.")
    if rule.closed and rule.hours is None:
        raise _Wrong("closed", "Only a rule with hours is closed on holidays.")
    for clock in rule.clocks:
        if clock != CALLED_PARTY and clock not in pytz.all_timezones_set:
            raise _Wrong("clocks", f"Write {CALLED_PARTY} or an IANA zone, not {clock!r}.")
    if rule.since and rule.until and rule.since >= rule.until:
        raise _Wrong("until", "It ends before it begins.")
    if rule.binding and rule.evidence == "secondary":
        raise _Wrong("binding", "What is proven by secondary sources alone does not bind.")


class _Values:
    """The values of a table, taken one by one; what nobody took is a mistake."""

    def __init__(self, given: Mapping[str, Any], key: str = "") -> None:
        self.given, self.key, self.left = given, key, set(given)

    def taken(self, name: str, read: Callable[[str, Any], Any]) -> Any:
        """The value as ``read`` has it, ``None`` where it is not given."""
        self.left.discard(name)
        return read(self.key or name, self.given[name]) if name in self.given else None

    def _raw(self, name: str, kind: type, what: str, *, needed: bool) -> Any:
        self.left.discard(name)
        value = self.given.get(name)
        if value is None and not needed:
            return None
        if type(value) is not kind:
            raise _Wrong(self.key or name, f"{name}: Write {what}." if self.key else f"Write {what}.")
        return value

    def text(self, name: str, form: re.Pattern[str] | None = None, like: str = "") -> str:
        value: str = self._raw(name, str, "a text", needed=True)
        if not value.strip() or (form and not form.fullmatch(value)):
            raise _Wrong(self.key or name, f"Write it in full{f', {like}' if like else ''}.")
        return value

    def texts(self, name: str, *, needed: bool = False) -> tuple[str, ...]:
        value = self._raw(name, list, "a list of texts", needed=needed)
        if value is not None and (not value or not all(isinstance(each, str) and each.strip() for each in value)):
            raise _Wrong(self.key or name, "Write a list of texts, or leave it out.")
        return tuple(value or ())

    def one_of(self, name: str, known: Sequence[str], default: str | None = "") -> Any:
        value = self._raw(name, str, f"one of {', '.join(known)}", needed=default == "")
        if value is None:
            return default
        if value not in known:
            raise _Wrong(self.key or name, f"{value!r} is not known; write one of {', '.join(known)}.")
        return value

    def several_of(self, name: str, known: Sequence[str]) -> frozenset[str]:
        value = self.texts(name)
        for each in value:
            if each not in known:
                raise _Wrong(self.key or name, f"{each!r} is not known; write some of {', '.join(known)}.")
        return frozenset(value)

    def flag(self, name: str, *, needed: bool = False) -> bool:
        return bool(self._raw(name, bool, "true or false", needed=needed))

    def day(self, name: str, *, needed: bool = False) -> date | None:
        value: date | None = self._raw(name, date, "a day, such as 2026-11-27", needed=needed)
        return value

    def number(self, name: str, most: int, *, needed: bool = True) -> int | None:
        value: int | None = self._raw(name, int, f"a whole number from 1 to {most}", needed=needed)
        if value is not None and not 1 <= value <= most:
            raise _Wrong(self.key or name, f"{name}: Write a whole number from 1 to {most}.")
        return value

    def clauses(self, name: str, read: Callable[[_Values], Any]) -> tuple[Any, ...]:
        value = self._raw(name, list, "a list of tables", needed=False)
        if value is not None and (not value or not all(isinstance(each, dict) for each in value)):
            raise _Wrong(name, "Write a list of tables, or leave it out.")
        found = []
        for each in value or ():
            values = _Values(each, name)
            found.append(read(values))
            values.nothing_else()
        return tuple(found)

    def nothing_else(self) -> None:
        for name in sorted(self.left):
            raise _Wrong(self.key or name, f"{name} is not known here.")


def _cap(values: _Values) -> CapClause:
    return CapClause(
        values.number("calls", MOST_CALLS) or 0,
        values.number("hours", MOST_HOURS) or 0,
        values.text("per"),
        values.several_of("purposes", PURPOSES),
    )


def _quiet(values: _Values) -> QuietClause:
    most_days = 3660
    return QuietClause(
        values.one_of("after", AFTER),
        values.number("hours", most_days * 24, needed=False),
        values.number("days", most_days, needed=False),
    )


def _consent(values: _Values) -> ConsentClause:
    return ConsentClause(
        _CONSENTS[values.one_of("consent", sorted(_CONSENTS))],
        values.several_of("purposes", PURPOSES),
        values.one_of("voice", ("any", *VOICES), "any"),
        values.one_of("line", ("any", *LINES), "any"),
    )


def _week(key: str, value: Any) -> tuple[tuple[Span, ...], ...]:
    if not isinstance(value, dict) or value.keys() != set(DAYS):
        raise _Wrong(key, f"Write the hours of {', '.join(DAYS)}, each a list; an empty one is a day without calls.")
    of = {day: _spans(key, value[day]) for day in DAYS}
    return (*[of["mon-fri"]] * 5, of["sat"], of["sun"])


def _spans(key: str, value: Any) -> tuple[Span, ...]:
    spans = []
    for each in value if isinstance(value, list) else [value]:
        read = _HOURS.fullmatch(each) if isinstance(each, str) else None
        if read is None:
            raise _Wrong(key, f"{each!r} is no span; write HH:MM-HH:MM, 24:00 at the latest.")
        numbers = [int(each) for each in read.groups() if each is not None]
        spans.append((numbers[0] * 60 + numbers[1], numbers[2] * 60 + numbers[3]))
    if any(start >= end for start, end in spans) or any(a[1] > b[0] for a, b in pairwise(spans)):
        raise _Wrong(key, "Spans begin before they end, in their order, and do not overlap.")
    return tuple(spans)
