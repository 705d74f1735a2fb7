"""How many steps a regular expression takes over a text, counted as Python's own engine backtracks.

Python counts no steps, and seconds say something of the machine only. So the parsed pattern is walked here the way
``re`` walks it, without its shortcuts; what grows linearly here does there.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from re import _constants as c  # the parser's words; no public module has them
from re import _parser as parser  # likewise
from typing import Any

Then = Callable[[int], int | None]
_ONE = (c.LITERAL, c.NOT_LITERAL, c.ANY, c.IN)
_REPEATS = (c.MAX_REPEAT, c.MIN_REPEAT, c.POSSESSIVE_REPEAT)
_KINDS: dict[Any, Callable[[str], bool]] = {
    c.CATEGORY_DIGIT: str.isdigit,
    c.CATEGORY_NOT_DIGIT: lambda sign: not sign.isdigit(),
    c.CATEGORY_SPACE: str.isspace,
    c.CATEGORY_NOT_SPACE: lambda sign: not sign.isspace(),
    c.CATEGORY_WORD: lambda sign: sign.isalnum() or sign == "_",
    c.CATEGORY_NOT_WORD: lambda sign: not (sign.isalnum() or sign == "_"),
}
_SIGNS = "a1 :/+-@.=%\\\"'_A,\n;é\x00"


class TooManySteps(Exception):
    """More than were allowed."""


def parsed(pattern: re.Pattern[str]) -> Sequence[Any]:
    """The pattern as a tree."""
    return tuple(parser.parse(pattern.pattern, pattern.flags))


def steps(pattern: re.Pattern[str], text: str, *, anchored: bool, most: float = float("inf")) -> int:
    """The steps of ``fullmatch`` where ``anchored``, else of finding every match. Raises :class:`TooManySteps`."""
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 20_000))
    walk = _Walk(text, bool(pattern.flags & re.IGNORECASE), most)
    tree = parsed(pattern)
    if anchored:
        walk.follow(tree, 0, 0, lambda end: end if end == len(text) else None)
        return walk.steps
    start = 0
    while start <= len(text):
        end = walk.follow(tree, 0, start, lambda end: end)
        start = start + 1 if end is None or end == start else end
    return walk.steps


def accepts(op: Any, argument: Any, sign: str, ignore_case: bool = False) -> bool:
    """Whether a node of the tree that stands for one sign stands for this one."""
    signs = {sign, sign.lower(), sign.upper()} if ignore_case else {sign}
    return any(_accepts(op, argument, each) for each in signs)


def _accepts(op: Any, argument: Any, sign: str) -> bool:
    match op:
        case c.LITERAL:
            return ord(sign) == argument if len(sign) == 1 else False
        case c.NOT_LITERAL:
            return not _accepts(c.LITERAL, argument, sign)
        case c.ANY:
            return sign != "\n"
        case c.RANGE:
            return len(sign) == 1 and argument[0] <= ord(sign) <= argument[1]
        case c.CATEGORY:
            return _KINDS[argument](sign)
    negated = argument[0][0] is c.NEGATE
    return negated != any(_accepts(inner, value, sign) for inner, value in argument[negated:])


class _Walk:
    """One text, and how many steps were taken over it."""

    def __init__(self, text: str, ignore_case: bool, most: float) -> None:
        self.text, self.ignore_case, self.most, self.steps = text, ignore_case, most, 0
        self._known: dict[tuple[Any, int, str], bool] = {}

    def _step(self, count: int = 1) -> None:
        self.steps += count
        if self.steps > self.most:
            raise TooManySteps

    def _is_one(self, op: Any, argument: Any, at: int) -> bool:
        self._step()
        if at >= len(self.text):
            return False
        sign = self.text[at]
        node = (op, argument if isinstance(argument, int) else id(argument), sign)  # the tree outlives the walk
        if (known := self._known.get(node)) is None:
            known = self._known[node] = accepts(op, argument, sign, self.ignore_case)
        return known

    def follow(self, items: Sequence[Any], index: int, at: int, then: Then) -> int | None:
        """Match the items from ``index`` on at ``at``, then what comes after; where it ends, or ``None``."""
        for index in range(index, len(items)):  # noqa: B020  # it goes on from where it was set
            op, argument = items[index]
            if op in _ONE:
                if not self._is_one(op, argument, at):
                    return None
                at += 1
                continue
            if op is c.AT:
                if not self._stands(argument, at):
                    return None
                continue
            rest = index + 1
            return self._branch(op, argument, at, lambda end, rest=rest: self.follow(items, rest, end, then))
        return then(at)

    def _stands(self, where: Any, at: int) -> bool:
        self._step()
        before = at > 0 and _KINDS[c.CATEGORY_WORD](self.text[at - 1])
        after = at < len(self.text) and _KINDS[c.CATEGORY_WORD](self.text[at])
        match where:
            case c.AT_BEGINNING | c.AT_BEGINNING_STRING:
                return at == 0
            case c.AT_END | c.AT_END_STRING:
                return at == len(self.text)
            case c.AT_BOUNDARY:
                return before != after
        return before == after

    def _branch(self, op: Any, argument: Any, at: int, then: Then) -> int | None:
        if op in _REPEATS:
            least, most, inner = argument
            return self._repeat(op, least, most, tuple(inner), at, then)
        if op is c.SUBPATTERN:
            return self.follow(tuple(argument[3]), 0, at, then)
        if op is c.BRANCH:
            ends = (self.follow(tuple(choice), 0, at, then) for choice in argument[1])
            return next((end for end in ends if end is not None), None)
        if op in (c.ASSERT, c.ASSERT_NOT):
            direction, inner = argument
            start = at - inner.getwidth()[1] if direction < 0 else at
            holds = start >= 0 and self.follow(tuple(inner), 0, start, lambda end: end) is not None
            return then(at) if holds is (op is c.ASSERT) else None
        assert op is c.ATOMIC_GROUP, f"{op} is not walked here; write the pattern without it, or teach the walk"
        end = self.follow(tuple(argument), 0, at, lambda end: end)
        return None if end is None else then(end)

    def _repeat(self, op: Any, least: int, most: int, body: Any, at: int, then: Then) -> int | None:
        if len(body) == 1 and body[0][0] in _ONE:
            one, argument = body[0]
            return self._repeat_one(op, least, most, one, argument, at, then)
        if op is c.POSSESSIVE_REPEAT:
            end = self._again(c.MAX_REPEAT, least, most, body, at, 0, lambda end: end)
            return None if end is None else then(end)
        return self._again(op, least, most, body, at, 0, then)

    def _again(self, op: Any, least: int, most: int, body: Any, at: int, done: int, then: Then) -> int | None:
        self._step()

        def more() -> int | None:
            if done >= most:
                return None

            def after(end: int) -> int | None:
                return None if end == at else self._again(op, least, most, body, end, done + 1, then)

            return self.follow(body, 0, at, after)

        if done < least:
            return more()
        first, second = (more, lambda: then(at)) if op is c.MAX_REPEAT else (lambda: then(at), more)
        found = first()
        return second() if found is None else found

    def _repeat_one(self, op: Any, least: int, most: int, one: Any, argument: Any, at: int, then: Then) -> int | None:
        lazy = op is c.MIN_REPEAT
        count = 0
        while count < (least if lazy else most) and self._is_one(one, argument, at + count):
            count += 1
        if count < least:
            return None
        while True:
            found = then(at + count)
            self._step()
            if found is not None or op is c.POSSESSIVE_REPEAT:
                return found
            if lazy:
                if count >= most or not self._is_one(one, argument, at + count):
                    return None
                count += 1
            elif count <= least:
                return None
            else:
                count -= 1


def attacks(pattern: re.Pattern[str]) -> list[tuple[str, str, str]]:
    """Texts that are hard on the pattern, each as what it begins with, what is repeated, and how it ends: whatever
    the pattern repeats, after whatever precedes it, and every beginning of what it matches, again and again."""
    found: dict[tuple[str, str, str], None] = {}
    tree = parsed(pattern)
    for before, repeated in dict.fromkeys(pump for choice in range(2) for pump in _pumps(tree, "", choice)):
        for end in ("", "\x00"):
            found[before, repeated, end] = None
            found["", before + repeated, end] = None
    found |= dict.fromkeys(("", pump, "\x00") for pump in ("://:", " ", "1", "+1 ", "a"))
    return [attack for attack in found if attack[1]]


def _pumps(items: Sequence[Any], before: str, choice: int) -> list[tuple[str, str]]:
    pumps = []
    for op, argument in items:
        if op in _REPEATS:
            pumps += [(before, _sample(tuple(argument[2]), choice)), *_pumps(tuple(argument[2]), before, choice)]
        elif op is c.SUBPATTERN:
            pumps += _pumps(tuple(argument[3]), before, choice)
        elif op is c.BRANCH:
            for branch in argument[1]:
                pumps += _pumps(tuple(branch), before, choice)
        before += _sample(((op, argument),), choice)
        pumps.append(("", before))
    return pumps


def _sample(items: Sequence[Any], choice: int) -> str:
    """A short text that the items match."""
    text = ""
    for op, argument in items:
        if op in _ONE:
            text += _sign(op, argument, choice)
        elif op in _REPEATS:
            text += _sample(tuple(argument[2]), choice) * min(max(argument[0], 1 - choice), 40)
        elif op is c.SUBPATTERN:
            text += _sample(tuple(argument[3]), choice)
        elif op is c.BRANCH:
            text += _sample(tuple(argument[1][choice % len(argument[1])]), choice)
        elif op is c.ATOMIC_GROUP:
            text += _sample(tuple(argument), choice)
    return text


def _sign(op: Any, argument: Any, choice: int) -> str:
    if op is c.LITERAL:
        return chr(argument)
    signs = [sign for sign in _SIGNS if accepts(op, argument, sign)]
    inner = argument[0][1] if op is c.IN else argument
    fallback = chr(inner if isinstance(inner, int) else inner[0]) if isinstance(inner, int | tuple) else "a"
    return signs[choice % len(signs)] if signs else fallback
