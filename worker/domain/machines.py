"""What a campaign does about answering machines: ``settings.machineDetection``.

=============  ==============================  ============================================================
field          values, the default first       meaning
=============  ==============================  ============================================================
``enabled``    ``true`` ``false``              whether the carrier listens for a machine at all
``onMachine``  ``"retry"`` ``"complete"``      the contact is called again after its delay, or counts as
                                               reached: what the assistant said to the machine was enough
``hangUp``     ``true`` ``false``              the call is ended when a machine answers, or left to the
                                               assistant
=============  ==============================  ============================================================

Without the object nothing is detected, and carriers charge nothing for it; ``{}`` means the defaults. A fax
is hung up on and never called again, whatever the policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from worker.domain.errors import Invalid
from worker.domain.fields import Field, read_fields
from worker.domain.kinds import Flag, OneOf

KEY = "machineDetection"
FIELDS = (
    Field("enabled", Flag(), default=True),
    Field("onMachine", OneOf(("retry", "complete")), default="retry"),
    Field("hangUp", Flag(), default=True),
)
MACHINES = ("machine", "fax")
"""The verdicts that say nobody was reached."""


@dataclass(frozen=True, slots=True)
class MachinePolicy:
    """Detection is on. ``completes``: a contact whose machine answered is done with; ``hangs_up``: such a call is
    ended."""

    completes: bool = False
    hangs_up: bool = True


def parse_machine_detection(settings: Mapping[str, Any]) -> MachinePolicy | None:
    """The policy requested; ``None`` when detection is off. Raises :class:`Invalid` with every fault."""
    if settings.get(KEY) is None:
        return None
    given = read_fields(settings[KEY], FIELDS, path=f"settings.{KEY}")
    if not given.get("enabled", True):
        return None
    return MachinePolicy(given.get("on_machine") == "complete", given.get("hang_up", True))


def machine_policy(settings: Mapping[str, Any]) -> MachinePolicy | None:
    """The policy of a campaign's stored settings. A key of that name that was kept before it meant anything, and
    says something else, means that detection is off."""
    try:
        return parse_machine_detection(settings)
    except Invalid:
        return None
