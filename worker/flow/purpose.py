"""Refuse campaigns without a purpose, where their team or the deployment requires one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from worker.domain.errors import PurposeRequired
from worker.domain.team_policy import PURPOSE, REQUIRE_PURPOSE
from worker.flow.base import Dialer
from worker.store.campaigns import CampaignRow


class Purposed(Protocol):
    """A campaign's purpose, and the policy of its team."""

    purpose: str | None
    team_policy: Mapping[str, Any]


def lacks_purpose(dialer: Dialer, row: Purposed) -> bool:
    """Whether the campaign has no purpose, of its own or its team's, and must have one."""
    policy = row.team_policy
    return not (row.purpose or policy.get(PURPOSE)) and bool(dialer.require_purpose or policy.get(REQUIRE_PURPOSE))


def refuse_without_purpose(dialer: Dialer, row: CampaignRow) -> None:
    """Raises :class:`PurposeRequired` where :func:`lacks_purpose`."""
    if lacks_purpose(dialer, row):
        raise PurposeRequired(row.id, "this deployment" if dialer.require_purpose else "its team")
