"""What a team has decided for all its campaigns: whether they go by rules and by places. Kept together in one column,
under the names of the API."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from worker.domain.fields import Field
from worker.domain.kinds import Flag, OneOf
from worker.law.words import PURPOSES

COLUMN = "policy"
ZONE_FROM_NUMBER, PURPOSE, REQUIRE_PURPOSE, UNKNOWN_PLACE = (
    "zoneFromNumber", "purpose", "requirePurpose", "unknownPlace",
)  # fmt: skip


class UnknownPlace(StrEnum):
    """What becomes of a contact at a place nobody knows, in a campaign that goes by places."""

    HOLD = "hold"  # it waits until more is known
    STRICTEST = "strictest"  # it is called when it may be called wherever in the country of its number it is


def _flag(name: str, switch: str, help: str, **more: Any) -> Field:
    return Field(name, Flag(), column=COLUMN, key=name, default=False, present=bool, switch=switch, help=help,
                 example=False, **more)  # fmt: skip


POLICY = (
    Field(PURPOSE, OneOf(PURPOSES), column=COLUMN, key=PURPOSE, help="What the calls of its campaigns are for that "
          "name no purpose of their own: rules bind all of them.", more="null: none."),
    _flag(ZONE_FROM_NUMBER, "--zone-from-number/--no-zone-from-number", "Contacts are called by the clocks of all "
          "places where their number, or what else is known, says they may be."),
    _flag(REQUIRE_PURPOSE, "--require-purpose/--no-require-purpose", "A campaign without a purpose does not run."),
    Field(UNKNOWN_PLACE, OneOf(tuple(UnknownPlace)), column=COLUMN, key=UNKNOWN_PLACE, default=UnknownPlace.HOLD.value,
          present=lambda word: word or UnknownPlace.HOLD.value, example="hold", help="What becomes of who is at a "
          "place nobody knows: hold (it waits), or strictest (it is called when it may be anywhere in its country)."),
)  # fmt: skip
"""The fields of a team that are its policy."""


def unknown_place(policy: Mapping[str, Any]) -> UnknownPlace:
    """What the team has decided of places nobody knows."""
    return UnknownPlace(policy.get(UNKNOWN_PLACE) or UnknownPlace.HOLD)
