"""The query of a request: every parameter is one its route knows, is given once unless it is a list, and has a value
of its kind. What a route knows is what its function declares, so a new route needs nothing for this."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import Request
from fastapi.dependencies.utils import get_flat_params, request_params_to_args
from fastapi.params import ParamTypes

from worker.domain.errors import Fault
from worker.domain.fields import range_in_words, unknown

LONGEST_NAME = 100


def parameter_faults(request: Request) -> list[Fault]:
    """What is wrong with the query of a request that has found its route."""
    declared: list[Any] = get_flat_params(request.scope["route"].dependant)
    fields = {field.alias: field for field in declared if field.field_info.in_ is ParamTypes.query}
    sent = request.query_params
    faults = [*_nameless(sent.multi_items(), fields), *_out_of_kind(sent, fields)]
    return list({fault.path: fault for fault in reversed(faults)}.values())[::-1]


def _nameless(sent: list[tuple[str, str]], fields: Mapping[str, Any]) -> Iterator[Fault]:
    for name, count in Counter(name for name, _ in sent).items():
        if name not in fields:
            yield Fault(name[:LONGEST_NAME], unknown("parameter", name, tuple(fields)))
        elif count > 1 and not _is_list(fields[name]):
            yield Fault(name, f"It is given {count} times; give it once.")
    yield from (Fault(name, "It contains a NUL character; remove it.") for name, value in sent if "\x00" in value)


def _out_of_kind(sent: Any, fields: Mapping[str, Any]) -> Iterator[Fault]:
    _, errors = request_params_to_args(list(fields.values()), sent)
    for error in errors:
        name = str(error["loc"][1])
        yield Fault(name, _sentence(error, fields[name]))


def _is_list(field: Any) -> bool:
    return "list[" in str(field.field_info.annotation)


def _sentence(error: Mapping[str, Any], field: Any) -> str:
    """What the value may be, by what the framework found wrong with it."""
    match error["type"]:
        case "missing":
            return "Required: give a text."
        case "enum" | "literal_error":
            choices = str(error["ctx"]["expected"]).replace(" or ", ", ").replace("'", "")
            return f"Give one of: {choices}."
        case "bool_parsing":
            return "Give true or false."
        case kind if kind.startswith(("int_", "greater_", "less_")):
            return f"Give a whole number {range_in_words(field.field_info.metadata)}."
        case _:
            return f"{str(error['msg']).rstrip('.')}."
