"""Pause, cancel, hang up; and see to it that it happened.

A stop is one committed row. Everything after it — releasing what was only reserved, ending what still waits
at the carrier, sweeping the waiting contacts of a cancelled campaign — is derived from rows by
:func:`stop_calls`, which anybody may run at any time and the tick runs again until nothing is left. A crash
in between therefore loses nothing, and a stop costs the same for ten contacts and a million.
"""

from __future__ import annotations

import structlog
from sqlalchemy import Connection

from worker.crashpoint import crashpoint
from worker.domain.errors import Conflict, Deleted, NotFound
from worker.domain.lifecycle import STOPS, Verb, closing, refusal
from worker.domain.model import CampaignStatus
from worker.flow.base import Dialer, Step, Stop, fill_steps, slot_of
from worker.flow.ending import release
from worker.flow.hang_up import hang_up
from worker.store import calls, campaign_ends, campaigns, gate, hangups, moves, runs
from worker.store.database import once, single, transact

log = structlog.get_logger()


def pause_campaign(
    dialer: Dialer, campaign_id: str, reason: str = "requested", *, actor: str, team_id: str | None = None
) -> list[Step]:
    """After this returns no further call of the campaign is committed to be placed; calls still queued at the
    carrier are cancelled, calls that ring or talk go on. A campaign that is paused already is left as it is; by the
    dialer itself, so is any that no longer runs, which by anybody else is a :class:`Conflict`."""

    def work(conn: Connection) -> bool:
        team = team_of(conn, campaign_id, team_id)
        gate.close_gate(conn, team)
        if campaigns.move(conn, Verb.PAUSE, campaign_id, reason=reason) is None:
            if actor != "dialer" and not _is_so(conn, Verb.PAUSE, campaign_id):
                raise refused(conn, Verb.PAUSE, campaign_id)
            return False
        campaigns.audit(conn, campaign_id, actor, "pause", {"reason": reason})
        return True

    if not transact(dialer.db, work):
        return []
    crashpoint("stop.after_commit")
    log.info("campaign_paused", campaign_id=campaign_id, reason=reason)
    return [Stop()]


def cancel_campaign(
    dialer: Dialer, campaign_id: str, *, hang_up: bool = False, actor: str, team_id: str | None = None
) -> list[Step]:
    """Stop the campaign for good; with ``hang_up`` its live calls are ended too, also where it was cancelled before
    without; else one that is cancelled already is left as it is. Raises :class:`Conflict` when it is completed."""

    def work(conn: Connection) -> bool:
        team = team_of(conn, campaign_id, team_id)
        gate.close_gate(conn, team)
        if campaigns.move(conn, Verb.CANCEL, campaign_id, hang_up=hang_up) is None:
            if not _is_so(conn, Verb.CANCEL, campaign_id):
                raise refused(conn, Verb.CANCEL, campaign_id)
            if not (hang_up and campaign_ends.hang_up_too(conn, campaign_id)):
                return False
        runs.end_open(conn, campaign_id, "cancelled")
        campaigns.audit(conn, campaign_id, actor, "cancel", {"hangUp": hang_up})
        return True

    if not transact(dialer.db, work):
        return []
    crashpoint("stop.after_commit")
    log.info("campaign_cancelled", campaign_id=campaign_id, hang_up=hang_up)
    return [Stop()]


def stop_calls(dialer: Dialer) -> list[Step]:
    """Whatever stopped campaigns and closed windows still hold and should not: released, or marked for its
    end and hung up, which is not waited for."""
    stale = single(dialer.db, calls.stale_reserved)
    releases = [release(call_id, "its campaign stopped or has a newer run") for call_id in stale]
    released = transact(dialer.db, lambda conn: moves.advance(conn, releases)) if releases else []
    dialer.slots.release([slot_of(row) for row in released])
    margin = dialer.bounds.closing_margin_seconds
    if single(dialer.db, lambda conn: hangups.request_end(conn, margin_seconds=margin)):
        crashpoint("stop.after_mark")
    hang_up(dialer)
    return fill_steps(released)


def sweep(dialer: Dialer, campaign_id: str, reason: str | None = None) -> bool:
    """Turn a batch of the waiting contacts of a campaign that is cancelled, or closing (``reason`` says so), to
    ``cancelled``, as they read already; true when more may wait."""
    most = campaign_ends.SWEPT_AT_ONCE
    swept = transact(dialer.db, lambda conn: campaign_ends.sweep(conn, campaign_id, reason))
    if swept < most:
        once(dialer.db, lambda conn: campaign_ends.swept(conn, campaign_id))
    return swept == most


def refused(conn: Connection, verb: Verb, campaign_id: str) -> Exception:
    """Why the verb did nothing, as the error to raise: the campaign is not there, deleted, or in a state from
    which the verb is not legal."""
    campaign = campaigns.get(conn, campaign_id)
    if campaign is None:
        return NotFound("campaign", campaign_id)
    if campaign.deleted_at is not None:
        return Deleted(campaign_id)
    if campaign.closing_at is not None:
        return Conflict(closing(campaign_id))
    return Conflict(refusal(verb, campaign_id, CampaignStatus(campaign.status)))


def _is_so(conn: Connection, verb: Verb, campaign_id: str) -> bool:
    """Whether a stop was asked for that is already so."""
    campaign = campaigns.get(conn, campaign_id)
    return campaign is not None and campaign.deleted_at is None and campaign.status == STOPS[verb]


def team_of(conn: Connection, campaign_id: str, team_id: str | None) -> str:
    """Whose campaign it is. Raises :class:`NotFound`, also where it is not of the team named."""
    campaign = campaigns.get(conn, campaign_id, team_id)
    if campaign is None:
        raise NotFound("campaign", campaign_id)
    return str(campaign.team_id)
