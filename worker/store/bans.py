"""Whether a number is not to be called, as SQL: by the team's do-not-call list, by the one above teams, or because who
had it was erased.

An entry is for one purpose or, ``''``, for all. A campaign without a purpose is stopped by any entry; one that has a
purpose by those of all purposes and of its own. Each list is asked by itself and for one row, or PostgreSQL may read
the whole of it into a hash.
"""

from __future__ import annotations

CALLS_FOR = "coalesce(c.purpose, t.policy ->> 'purpose')"
"""What a campaign ``c`` of a team ``t`` calls for: its own purpose, else that of its team's policy; NULL where there is
none."""


def purpose_of(campaign_id: str) -> str:
    """SQL for what the campaign with this id calls for, where neither it nor its team is among the rows read."""
    return f"""(SELECT {CALLS_FOR} FROM campaigns c JOIN teams t ON t.id = c.team_id
        WHERE c.id = {campaign_id} LIMIT 1)"""


def is_listed(team: str, number: str, purpose: str | None = None) -> str:
    """SQL that is true where the number is on a list for what the campaign calls for. ``purpose`` is SQL for that, NULL
    where it says none; without it an entry of any purpose counts."""
    return f"({_found('do_not_call', f'd.team_id = {team} AND ', number, purpose)} OR " + (
        f"{_found('do_not_call_everywhere', '', number, purpose)})"
    )


def _found(table: str, of_team: str, number: str, purpose: str | None) -> str:
    fits = "" if purpose is None else f" AND d.purpose IN ('', coalesce({purpose}, d.purpose))"
    return f"(SELECT true FROM {table} d WHERE {of_team}d.number = {number}{fits} LIMIT 1) IS NOT NULL"


def digest(number: str) -> str:
    """SQL for what an erased number is known by: HMAC-SHA256 under the deployment's secret (``call_secret``)."""
    inner = f"sha256(hmac.inner_pad || convert_to('erased number ' || {number}, 'UTF8'))"
    return f"(SELECT sha256(hmac.outer_pad || {inner}) FROM call_secret hmac LIMIT 1)"


def is_erased(team: str, number: str) -> str:
    """SQL that is true where the number is one of somebody the team has erased; where it has erased nobody, no digest
    is computed."""
    found = f"SELECT true FROM suppressed e WHERE e.team_id = {team} AND e.digest = {digest(number)} LIMIT 1"
    return f"(EXISTS (SELECT FROM suppressed a WHERE a.team_id = {team}) AND ({found}) IS NOT NULL)"
