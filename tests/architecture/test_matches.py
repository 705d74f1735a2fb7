"""Whoever decides by an enum or by which class of a union a value is decides on every one of them: a new member is an
error of mypy's at each such place, not a case that nobody thought of.

mypy's ``exhaustive-match`` wants every ``match`` to leave nothing out. What it cannot see is a ``case _`` that swallows
what is added later, and a chain of ``elif`` that ends without an ``else``; that is looked for here.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

from tests.architecture.sources import MODULES, Module


def _value(name: ast.expr, namespace: dict[str, Any]) -> Any:
    """What a dotted name stands for in its module, ``None`` if it is not to be found."""
    match name:
        case ast.Name(id):
            return namespace.get(id)
        case ast.Attribute(value, attr):
            return getattr(_value(value, namespace), attr, None)
        case _:
            return None


def _is_one_of_ours(name: ast.expr, namespace: dict[str, Any]) -> bool:
    """Whether it is a member of an enum, or a class of the package's that is of no open family: errors are one, and
    what a field's value may be (:mod:`worker.domain.kinds`) is one, to which whoever declares a field may add."""
    value = _value(name, namespace)
    if isinstance(value, type):
        is_kind = any("__call__" in vars(base) for base in value.__mro__)
        return value.__module__.startswith("worker") and not issubclass(value, BaseException) and not is_kind
    return isinstance(value, Enum)


def _tops(pattern: ast.pattern | None) -> Iterator[ast.expr]:
    """The names a pattern asks its subject itself about, not its attributes."""
    match pattern:
        case ast.MatchValue(value):
            yield value
        case ast.MatchClass(cls):
            yield cls
        case ast.MatchAs(inner):
            yield from _tops(inner)
        case ast.MatchOr(patterns):
            for each in patterns:
                yield from _tops(each)
        case _:
            return


def _ends_in_assert_never(case: ast.match_case) -> bool:
    match case:
        case ast.match_case(ast.MatchAs(None), None, [ast.Expr(ast.Call(ast.Name("assert_never")))]):
            return True
        case _:
            return False


def _unclosed_matches(module: Module, namespace: dict[str, Any]) -> Iterator[int]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Match):
            tops = [top for case in node.cases for top in _tops(case.pattern)]
            if any(_is_one_of_ours(top, namespace) for top in tops) and not _ends_in_assert_never(node.cases[-1]):
                yield node.lineno


def _subject(test: ast.expr, namespace: dict[str, Any]) -> str | None:
    """What a condition asks about, where it asks for one member of an enum, or for one class of ours."""
    match test:
        case ast.Compare(left, [ast.Is() | ast.Eq()], [right]) if _is_one_of_ours(right, namespace):
            return ast.unparse(left)
        case ast.Call(ast.Name("isinstance"), [subject, cls]) if _is_one_of_ours(cls, namespace):
            return ast.unparse(subject)
        case _:
            return None


def _chains(module: Module, namespace: dict[str, Any]) -> Iterator[int]:
    """Where an ``if`` and its ``elif`` ask the same thing which member or class it is, twice or more."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.If):
            subjects = [_subject(node.test, namespace)]
            after = node.orelse
            while len(after) == 1 and isinstance(after[0], ast.If):
                subjects.append(_subject(after[0].test, namespace))
                after = after[0].orelse
            if any(subjects.count(subject) > 1 for subject in subjects if subject is not None):
                yield node.lineno


def _faults(module: Module, find: Callable[[Module, dict[str, Any]], Iterator[int]]) -> list[int]:
    if "match " not in module.text and "elif " not in module.text:
        return []
    return list(find(module, vars(importlib.import_module(module.name))))


def _found(find: Callable[[Module, dict[str, Any]], Iterator[int]]) -> dict[str, list[int]]:
    """The lines found, by module."""
    found = {module.name: _faults(module, find) for module in MODULES}
    return {name: lines for name, lines in found.items() if lines}


def test_every_match_over_an_enum_or_a_union_ends_in_assert_never() -> None:
    assert _found(_unclosed_matches) == {}


def test_which_member_it_is_is_asked_by_match() -> None:
    assert _found(_chains) == {}


def test_what_is_looked_for_is_found() -> None:
    text = """
match step:
    case Dial(): pass
    case Fill(): pass
    case _: pass
match status:
    case CampaignStatus.DRAFT: pass
    case never: assert_never(never)
match number:
    case int(): pass
if status is CampaignStatus.DRAFT: pass
elif status is CampaignStatus.PAUSED: pass
if status is CampaignStatus.DRAFT: pass
elif number is None: pass
"""
    from worker.domain.model import CampaignStatus
    from worker.flow.base import Dial, Fill

    module = Module("worker.example", text, ast.parse(text))
    namespace = {"CampaignStatus": CampaignStatus, "Dial": Dial, "Fill": Fill, "int": int}
    assert list(_unclosed_matches(module, namespace)) == [2]
    assert list(_chains(module, namespace)) == [11]
