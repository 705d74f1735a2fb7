"""What Telnyx's refusals say: which of the codes in an answer counts, and what it has us do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from worker.carriers.base import Action, Rejected
from worker.carriers.codes import ABOUT, Code, narrowest
from worker.carriers.http import Answer
from worker.carriers.telnyx.codes import API, BY_FIELD, CALLS_ITSELF, CODES

_SWITCH_CODE = re.compile(r"(?<![a-z0-9-])d([0-9]{1,2})(?![a-z0-9-])", re.IGNORECASE)
"""A code of the switch as it stands in a sentence: ``… D13``, ``(D13)``, ``D38. …``, and not within an id."""


def code_of(answer: Answer) -> str:
    """Telnyx's own code for a refusal, of several the first; empty where it has none."""
    return next((_code(error) for error in _errors(answer)), "")


def rejected(answer: Answer, *, calls_itself: bool = False) -> Rejected:
    """What a 4xx means; ``calls_itself`` where the callee's number is the caller ID. A 403 that says nothing is how
    Telnyx slows one down; of several codes the one that reaches least far counts."""
    errors = list(_errors(answer))
    label = next(filter(None, map(_label, errors)), f"http_{answer.status}")
    if answer.status == 429 or (answer.status == 403 and label == "http_403"):
        return Rejected(label, Action.BACK_OFF, answer.retry_after_seconds)
    lines = [line for error in errors for line in _lines(error, answer.status, calls_itself)]
    if answer.status in (401, 402):
        lines.append(_line(label, Action.STOP_ACCOUNT))
    found = narrowest(lines)
    if found is None:
        return Rejected(label, Action.FAILED, answer.retry_after_seconds)
    return Rejected(found.code, found.action, answer.retry_after_seconds, found.says)


def _lines(error: Mapping[str, Any], status: int, calls_itself: bool) -> Iterator[Code]:
    """What one error says, by the most exact of what it has: a code of the switch, the field at fault, its own code.
    A code of the switch that is in no table leaves nobody the wiser, least of all that the account is at fault."""
    code, switch_codes = _code(error), _switch_codes(error)
    field = _field(error)
    for switch_code in switch_codes:
        known = CODES.get(switch_code)
        if known is not None:
            line = CALLS_ITSELF if calls_itself and switch_code == CALLS_ITSELF.code else known
            yield replace(line, code=f"{code} {switch_code}".strip())
    if switch_codes:
        return
    if status in (400, 422) and field in BY_FIELD:
        yield _line(code, BY_FIELD[field])
    elif code in CODES:
        yield CODES[code]


def _line(code: str, action: Action) -> Code:
    return Code(code, ABOUT[action], action, "", API)


def _label(error: Mapping[str, Any]) -> str:
    return " ".join(filter(None, [_code(error), *_switch_codes(error)]))


def _switch_codes(error: Mapping[str, Any]) -> list[str]:
    """Those in its sentence, each once; a sentence may be said twice."""
    said = f"{error.get('title', '')} {error.get('detail', '')}"
    return list(dict.fromkeys(f"D{int(digits)}" for digits in _SWITCH_CODE.findall(said)))


def _field(error: Mapping[str, Any]) -> str:
    source = error.get("source")
    pointer = source.get("pointer") if isinstance(source, Mapping) else None
    return pointer.rpartition("/")[2] if isinstance(pointer, str) else ""


def _errors(answer: Answer) -> Iterator[Mapping[str, Any]]:
    errors = answer.document.get("errors")
    yield from (error for error in errors if isinstance(error, Mapping)) if isinstance(errors, list) else ()


def _code(error: Mapping[str, Any]) -> str:
    code = error.get("code")
    return str(code) if isinstance(code, str | int) else ""
