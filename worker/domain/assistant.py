"""How the assistant of a campaign can be connected to a callee who answered, and what it lacks for a carrier to do so.

By which of these a carrier connects, and which field of its own it reads, it says itself
(:attr:`worker.carriers.spec.CarrierSpec.connects_by`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Assistant:
    """What an assistant can be reached by; each may be missing. ``carrier_ids`` are the fields that only one carrier
    reads, by the names that answers have for them."""

    stream_url: str | None = None
    answer_url: str | None = None
    carrier_ids: Mapping[str, str] = field(default_factory=dict)

    def has(self, key: str) -> bool:
        """Whether it can be reached by this field, as answers call it."""
        return bool({"stream_url": self.stream_url, "answer_url": self.answer_url, **self.carrier_ids}.get(key))


def api_name(key: str) -> str:
    """What requests call the field that answers call ``key``: ``stream_url`` is ``streamUrl``."""
    first, *rest = key.split("_")
    return first + "".join(map(str.capitalize, rest))


def why_unreachable(carrier: str, connects_by: Sequence[str], assistant: Assistant) -> str | None:
    """The sentence that says what the assistant lacks to be connected by this carrier, which ``connects_by`` these
    fields; ``None`` if nothing."""
    if not connects_by or any(map(assistant.has, connects_by)):
        return None
    names = " or ".join(map(api_name, connects_by))
    return f"A call through {carrier} cannot be connected to this assistant; give the assistant a {names}."
