"""Which carriers there are: those that are shipped, and those that installed packages add.

A package adds carriers by the entry point group ``campaign_dialer.carriers``; each entry point leads to a
:class:`~worker.carriers.spec.CarrierSpec`::

    [project.entry-points."campaign_dialer.carriers"]
    acme = "acme_carrier:SPEC"

One that cannot be used is left out, and a sentence says why (:func:`faults`); the others work. ``dialer db migrate``
must run once after a carrier was added: it makes the name known to the database.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from worker.carriers import sip
from worker.carriers.codes import Code
from worker.carriers.spec import AssistantField, CarrierSpec

SHIPPED = (
    "worker.carriers.simulated:SPEC",
    "worker.carriers.twilio:SPEC",
    "worker.carriers.telnyx:SPEC",
)
GROUP = "campaign_dialer.carriers"

OF_ALL = frozenset({"stream_url", "answer_url"})
"""The fields by which an assistant may be connected, whatever the carrier."""
_NAME = re.compile("[a-z][a-z0-9]{1,29}")
_FAILURES_OF_LOADING = (
    ImportError, AttributeError, NameError, SyntaxError, TypeError, ValueError, LookupError, ArithmeticError,
    AssertionError, OSError, RuntimeError,
)  # fmt: skip
"""What another's module may end with while it is imported."""


@dataclass(frozen=True, slots=True)
class Found:
    """The carriers by name, the shipped ones first; and a sentence on each package that could not be used."""

    specs: Mapping[str, CarrierSpec]
    faults: tuple[str, ...]


@cache
def found() -> Found:
    """Looked for once a process."""
    specs: dict[str, CarrierSpec] = {}
    for dotted in SHIPPED:
        spec: CarrierSpec = pkgutil.resolve_name(dotted)
        specs[spec.name] = spec
    return _add(specs, entry_points(group=GROUP))


def _add(specs: dict[str, CarrierSpec], points: Iterable[EntryPoint]) -> Found:
    """Those found so far and what these entry points lead to, in the order of their names."""
    faults = []
    for point in sorted(points, key=lambda point: (point.name, point.value)):
        spec, fault = _load(point)
        if spec is not None:
            fault = _why_not(spec, specs)
        if fault is not None:
            package = point.dist.name if point.dist is not None else "an unknown package"
            faults.append(f"The carrier {point.name} of the package {package} is left out: {fault}.")
        elif spec is not None:
            specs[spec.name] = spec
    return Found(specs, tuple(faults))


def _load(point: EntryPoint) -> tuple[CarrierSpec | None, str | None]:
    try:
        loaded = point.load()
    except _FAILURES_OF_LOADING as error:
        return None, f"{point.value} cannot be loaded ({type(error).__name__}: {error})"
    if not isinstance(loaded, CarrierSpec):
        return None, f"{point.value} is a {type(loaded).__name__}, not a CarrierSpec"
    return loaded, None


def _why_not(spec: CarrierSpec, there: Mapping[str, CarrierSpec]) -> str | None:
    """Why a carrier cannot be added to those that are there, as the second half of a sentence. What it names begins
    with its own name, so two carriers never mean different things by one word."""
    if not _NAME.fullmatch(spec.name):
        return f"its name {spec.name!r} is not 2 to 30 small letters and digits, a letter first"
    if spec.name in there:
        return f"there is a carrier {spec.name} already"
    if not spec.required:
        return "no setting is required, so nothing says when it is set up"
    for setting in spec.settings:
        if not setting.name.startswith(f"{spec.name.upper()}_"):
            return f"its setting {setting.name} does not begin with {spec.name.upper()}_"
    own = {field.key for field in spec.assistant_fields}
    for key in sorted(own):
        if not key.startswith(f"{spec.name}_"):
            return f"its field {key} of assistants does not begin with {spec.name}_"
    for key in spec.connects_by:
        if key not in own | OF_ALL:
            return f"it connects by {key}, which assistants do not have"
    return None


def specs() -> Mapping[str, CarrierSpec]:
    """The carriers by name; which of them this deployment can call with, its settings say."""
    return found().specs


def faults() -> tuple[str, ...]:
    """A sentence on each installed carrier that had to be left out."""
    return found().faults


def assistant_fields() -> list[AssistantField]:
    """The fields of an assistant that single carriers read."""
    return [field for spec in specs().values() for field in spec.assistant_fields]


def connects_by(carrier: str) -> tuple[str, ...]:
    """The fields by which the carrier connects a callee to an assistant; none for one that is not known here."""
    return specs()[carrier].connects_by if carrier in specs() else ()


def set_up_by() -> dict[str, str]:
    """Carrier → the settings that set it up, for people."""
    return {name: spec.set_up_by for name, spec in specs().items()}


def first_rates() -> dict[str, float | None]:
    """Carrier → calls per second of a new account for which nobody has said how many; ``None``: no limit."""
    return {name: spec.first_rate for name, spec in specs().items()}


def meaning_of(carrier: str, cause: str | None) -> str | None:
    """What a call's ``cause`` means: a code of the carrier's or of SIP; ``None`` where it is in no table, or in words
    already."""
    code = (cause or "").rpartition(" ")[2]  # of "10010 D13" the last is the exact one
    if (cause or "").startswith("sip "):
        return sip.MEANINGS.get(code)
    spec = specs().get(carrier)
    if not code or spec is None or spec.codes is None:
        return None
    known: Mapping[str, Code] = pkgutil.resolve_name(spec.codes)
    return known[code].meaning or None if code in known else None
