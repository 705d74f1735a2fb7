"""Whether a message of the broker is one of ours, before Celery sees it.

Anybody with the broker's address can put anything into its lists, and so does an older or a newer version of us. Celery
and kombu take a message apart in many places, and in some of them what does not fit ends the worker. So what cannot be
read, or asks for what no task takes, is dropped where it comes in, in one line: a message of ours says "look again",
and the tick says so too.
"""

from __future__ import annotations

import base64
import binascii
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, get_type_hints

_Fits = Callable[[Any], bool]

_NO_BODY_ENCODING = (None, "", "utf-8")


def _is_text(value: Any) -> bool:
    """Text that PostgreSQL takes: no NUL, no half of a character."""
    try:
        return isinstance(value, str) and "\0" not in value and bool(value.encode() or True)
    except UnicodeEncodeError:
        return False


def _is_instant(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(datetime.fromisoformat(value))
    except ValueError:
        return False


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _or_none(fits: _Fits) -> _Fits:
    return lambda value: value is None or fits(value)


def _are(kind: type[list[Any]] | type[dict[Any, Any]], fits: _Fits = lambda value: True) -> _Fits:
    return lambda value: isinstance(value, kind) and all(fits(each) for each in value)


_texts, _numbers = (
    _are(list, _is_text),
    _are(list, _or_none(lambda value: _is_whole(value) or isinstance(value, float))),
)

_HEADERS: Mapping[str, _Fits] = {
    "id": lambda value: _is_text(value) and bool(value),
    "task": _is_text,
    "lang": _or_none(_is_text),
    "root_id": _or_none(_is_text),
    "parent_id": _or_none(_is_text),
    "group": _or_none(_is_text),
    "group_index": _or_none(_is_whole),
    "retries": _or_none(_is_whole),
    "timelimit": _or_none(lambda value: _numbers(value) and len(value) == 2),
    "eta": _or_none(_is_instant),
    "expires": _or_none(_is_instant),
    "shadow": _or_none(_is_text),
    "origin": _or_none(_is_text),
    "argsrepr": _or_none(_is_text),
    "kwargsrepr": _or_none(_is_text),
    "stamps": _or_none(_are(dict)),
    "stamped_headers": _or_none(_texts),
    "ignore_result": _or_none(lambda value: isinstance(value, bool)),
    "replaced_task_nesting": _or_none(_is_whole),
    "compression": lambda value: value is None,
}
"""What Celery 5's second protocol puts there; more may stand beside it. It never compresses for us."""

_PROPERTIES: Mapping[str, _Fits] = {
    "delivery_tag": lambda value: _is_text(value) and bool(value),
    "correlation_id": _or_none(_is_text),
    "reply_to": _or_none(_is_text),
    "delivery_mode": _or_none(_is_whole),
    "priority": _or_none(_is_whole),
    "body_encoding": lambda value: value in (*_NO_BODY_ENCODING, "base64"),
}

_ARGUMENTS: Mapping[Any, _Fits] = {
    str: _is_text,
    str | None: _or_none(_is_text),
    Sequence[str]: _texts,
    int | None: _or_none(_is_whole),
}
"""The types that arguments of tasks have."""


def fault_of(message: Any, tasks: Mapping[str, Any]) -> str | None:
    """What makes this message, as it was parsed, none for these tasks; ``None`` where they can take it."""
    if not isinstance(message, dict):
        return "it is not an object"
    properties, headers = message.get("properties"), message.get("headers")
    if not isinstance(properties, dict) or not isinstance(headers, dict):
        return "it has no properties or no headers"
    place = properties.get("delivery_info")
    if not isinstance(place, dict) or not all(_is_text(place.get(name)) for name in ("exchange", "routing_key")):
        return "it does not say where it was sent"
    for what, parts, rules in (("property", properties, _PROPERTIES), ("header", headers, _HEADERS)):
        for name, fits in rules.items():
            if not fits(parts.get(name)):
                return f"its {what} {name} cannot be read"
    task = tasks.get(headers["task"])
    if task is None:
        return "it is for a task that is not known here"
    return _fault_of_body(message, task)


def _fault_of_body(message: Mapping[str, Any], task: Any) -> str | None:
    kinds = message.get("content-type"), message.get("content-encoding")
    if kinds[0] != "application/json" or kinds[1] not in _NO_BODY_ENCODING:
        return "it is not JSON in UTF-8"
    try:
        body = message.get("body") or ""
        if message["properties"].get("body_encoding") == "base64":
            body = base64.b64decode(body, validate=True).decode()
        args, kwargs, embedded = json.loads(body)
    except (ValueError, TypeError, RecursionError, binascii.Error):
        return "its body cannot be read"
    if not (isinstance(args, list) and isinstance(kwargs, dict) and isinstance(embedded, dict | None)):
        return "its body does not hold arguments"
    if embedded and any(embedded.get(name) for name in ("callbacks", "errbacks", "chain", "chord")):
        return "it requests further tasks after it"
    return _fault_of_arguments(args, kwargs, task)


def _fault_of_arguments(args: Sequence[Any], kwargs: Mapping[str, Any], task: Any) -> str | None:
    signature, types = _signature(task)
    try:
        given = signature.bind(*args, **kwargs).arguments
    except TypeError:
        return "its arguments are not those of its task"
    for name, value in given.items():
        if not _ARGUMENTS[types[name]](value):
            return f"its argument {name} cannot be read"
    return None


@cache
def _signature(task: Any) -> tuple[inspect.Signature, Mapping[str, Any]]:
    return inspect.signature(task.run), get_type_hints(task.run)
