"""Calls for the tests of the slots, and a look into the server past the code under test."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from redis import Redis

from worker.slots import Kind, Scope, SlotRequest, Slots

TEAM = Scope(Kind.TEAM, "team_a")
CAMPAIGN = Scope(Kind.CAMPAIGN, "camp_a")
NUMBER = Scope(Kind.NUMBER, "pn_a")
ACCOUNT = Scope(Kind.ACCOUNT, "acct_a")
ALL = (TEAM, CAMPAIGN, NUMBER, ACCOUNT)


def call(call_id: str, team: str = "a", campaign: str = "a", number: str = "a", account: str = "a") -> SlotRequest:
    return SlotRequest(call_id, f"team_{team}", f"camp_{campaign}", f"pn_{number}", f"acct_{account}")


def calls(*call_ids: str) -> list[SlotRequest]:
    return [call(call_id) for call_id in call_ids]


def everywhere(*call_ids: str) -> dict[Scope, set[str]]:
    """What :func:`held` answers when exactly these hold a slot in every scope."""
    return {scope: set(call_ids) for scope in ALL}


def limits_of(requests: Iterable[SlotRequest], limit: int = 100) -> dict[Scope, int]:
    return {scope: limit for request in requests for scope in request.scopes}


def held(slots: Slots) -> dict[Scope, set[str]]:
    """Who holds a slot where, without the instants."""
    return {scope: set(members) for scope, members in slots.members().items()}


def grow_old(client: Redis, prefix: str, seconds: float = 3600) -> None:
    """Make every member look as if it had been granted so long ago."""
    for key in client.keys(f"{{{prefix}slots}}:*:*"):
        held: Any = client.zrange(key, 0, -1, withscores=True)
        for member, score in held:
            client.zadd(key, {member: score - seconds * 1000})
