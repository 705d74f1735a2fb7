"""The tables of places: where area codes, states and postal codes are. Read once, when they are first wanted."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def area_codes() -> Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Area code of North America → its areas and its zones."""
    found = {}
    for place, codes in _read("nanp.toml").items():
        areas, _, zones = place.partition(":")
        for code in codes.split():
            found[code] = (tuple(areas.split(",")), tuple(zones.split(",")))
    return found


@cache
def zones_of_states() -> Mapping[str, tuple[str, ...]]:
    """State, such as ``US-IN`` → its zones."""
    return {state: tuple(zones.split()) for state, zones in _regions()["zones"].items()}


@cache
def names_of_states() -> Mapping[str, str]:
    """State → its name."""
    names: Mapping[str, str] = _regions()["names"]
    return names


@cache
def renamed() -> Mapping[str, str]:
    """Country of ISO 3166 that is a place of another country's law → that place: ``PR`` → ``US-PR``."""
    names: Mapping[str, str] = _regions()["renamed"]
    return names


@cache
def within() -> Mapping[str, tuple[str, ...]]:
    """Place → the larger ones whose law holds there, too: ``FR`` → ``EU``."""
    found: dict[str, tuple[str, ...]] = {}
    for whole, parts in _regions()["within"].items():
        for part in parts.split():
            found[part] = (*found.get(part, ()), whole)
    return found


@cache
def postal_states(country: str) -> Mapping[str, str]:
    """First digits of a postal code → the state; the longest one that matches counts."""
    table = _regions()["postal"].get(country, {})
    return {digits: state for state, spans in table.items() for digits in _digits(spans)}


@cache
def postal_zones(country: str) -> Mapping[str, tuple[str, ...]]:
    """First digits of a postal code → its zones, where its state has others as well; the longest one counts."""
    table = _regions()["postal_zones"].get(country, {})
    return {digits: tuple(zones.split()) for zones, spans in table.items() for digits in _digits(spans)}


@cache
def beginnings() -> Mapping[str, tuple[str, ...]]:
    """First digits of a number, its country code before all → its zones."""
    table = _regions()["beginnings"]
    return {digits: tuple(zones.split()) for zones, spans in table.items() for digits in _digits(spans)}


def _digits(spans: str) -> Iterator[str]:
    for span in spans.split():
        first, _, last = span.partition("-")
        if last:
            yield from (f"{n:0{len(first)}}" for n in range(int(first), int(last) + 1))
        else:
            yield first


@cache
def _regions() -> dict[str, Any]:
    return _read("regions.toml")


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((files("worker.law") / name).read_text("utf-8"))
