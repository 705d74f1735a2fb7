"""Instants of the API's answers on people's clocks: that of whom they are about, else that of this terminal."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from worker.clock import wall

_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_LOCAL_TIME = "/etc/localtime"


def on_clocks(fields: Mapping[str, Any], *, zone: str | None = None, now: datetime | None = None) -> dict[str, Any]:
    """A thing as the API shows it, its instants (fields that end with ``_at``) in words: by the clock of ``zone``, or
    of its own ``timezone``, or of this terminal; as of ``now``, or of what time it is here."""
    if not any(map(_is_instant, fields, fields.values())):
        return dict(fields)
    from worker.domain.on_the_clock import when

    as_of = datetime.fromtimestamp(wall(), UTC) if now is None else now
    whose = zone or fields.get("timezone") or terminal_zone()
    return {
        name: when(datetime.fromisoformat(value), as_of, whose) if _is_instant(name, value) else value
        for name, value in fields.items()
    }


def terminal_zone() -> str | None:
    """The time zone of this terminal by its IANA name: ``TZ``, or else the machine's; ``None`` where nobody says."""
    return os.environ.get("TZ", "").lstrip(":") or os.path.realpath(_LOCAL_TIME).partition("/zoneinfo/")[2] or None


def _is_instant(name: str, value: object) -> bool:
    return name.endswith("_at") and isinstance(value, str) and _INSTANT.fullmatch(value) is not None
