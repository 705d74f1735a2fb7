"""Call a contact back: at the instant it asked for, or as soon after as its windows let it be called.

Nothing here is sent or waited for: the contact's row says when it is due and that it comes before others, the claim
takes it up, the commit of the call uses the callback up, and one that counts for nothing gives it back.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from worker.domain.callback import Callback, parse_callback, refuse
from worker.domain.errors import Conflict, Deleted, NotFound
from worker.domain.lifecycle import closing
from worker.domain.model import Bounds, CampaignStatus, ContactStatus, Reason
from worker.domain.on_the_clock import when
from worker.domain.whose_clock import clock_zone
from worker.domain.window import zone_faults
from worker.flow.base import first_moment
from worker.store import callbacks, campaigns
from worker.store.callbacks import LockedContact
from worker.store.campaigns import CampaignRow


@dataclass(frozen=True, slots=True)
class Which:
    """A contact in a campaign; of the team, where one is named."""

    campaign_id: str
    contact_id: str
    team_id: str | None = None


def ask(conn: Connection, which: Which, at: object, *, bounds: Bounds, actor: str) -> Callback:
    """Let a contact be called back ``at`` (ISO 8601; without an offset by its own clock), in the caller's transaction.

    One who waits waits for that alone, one who was reached or given up waits again, one who is on the phone does when
    the call has ended. Asked again, the latest counts. Raises :class:`Invalid` for an instant that is past, or too far
    away, or none; :class:`NotFound`; and :class:`Conflict` where the contact is not called back whoever asks, the
    campaign is over, or no window of it opens from then on. Locks the contact's live call, the campaign and the
    contact, in this order.
    """
    campaign = _open(conn, which)
    zone = _zone(conn, campaign, which)
    instant = parse_callback(at, campaign.now, zone)
    if campaign.scheduled_end_at is not None and instant >= campaign.scheduled_end_at:
        ends = when(campaign.scheduled_end_at, campaign.now, zone)
        raise Conflict(f"Campaign {campaign.id} ends at {ends}; nobody is called back in it from then on.")
    contact = callbacks.lock(conn, campaign.id, which.contact_id, instant)
    campaign = _open(conn, which)  # as it stays
    if contact is None:
        raise NotFound("contact", which.contact_id)
    used = contact.attempts + contact.is_reserved
    refuse(
        contact.contact_id,
        ContactStatus(contact.status),
        None if contact.reason is None else Reason(contact.reason),
        is_banned=contact.is_banned,
        is_used_up=used >= campaign.max_attempts_per_contact and contact.callbacks_used > 0,
    )
    call_at = first_moment(campaign, contact.zone, instant, bounds.closing_margin_seconds)
    if call_at is None:
        raise Conflict(f"Campaign {campaign.id} calls contact {contact.contact_id} at no time from then on.")
    callbacks.set_callback(conn, campaign.id, contact.contact_id, instant)
    detail = {"contactId": contact.contact_id, "at": instant.isoformat(), "was": contact.callback_at}
    campaigns.audit(conn, campaign.id, actor, "callback", detail)
    return Callback(campaign.id, contact.contact_id, instant, call_at, zone, _note(campaign, contact))


def clock_of(conn: Connection, which: Which) -> str | None:
    """By whose clock the contact is called; ``None`` where nobody has a zone. Raises as :func:`ask`."""
    return _zone(conn, _open(conn, which), which)


def cancel(conn: Connection, which: Which, *, actor: str) -> bool:
    """Take a callback back: the contact is as it was before it was asked for. False where there is none."""
    campaign = _open(conn, which)
    contact = callbacks.lock(conn, campaign.id, which.contact_id, campaign.now)
    if contact is None:
        raise NotFound("contact", which.contact_id)
    if contact.callback_at is None:
        return False
    callbacks.unset_callback(conn, campaign.id, contact.contact_id, campaign.max_attempts_per_contact)
    campaigns.audit(conn, campaign.id, actor, "cancel_callback", {"contactId": contact.contact_id})
    return True


def _open(conn: Connection, which: Which) -> CampaignRow:
    campaign = campaigns.get(conn, which.campaign_id, which.team_id)
    if campaign is None:
        raise NotFound("campaign", which.campaign_id)
    if campaign.deleted_at is not None:
        raise Deleted(campaign.id)
    if campaign.status == CampaignStatus.CANCELLED:
        raise Conflict(f"Campaign {campaign.id} is cancelled; nobody is called back in it.")
    if campaign.closing_at is not None:
        raise Conflict(closing(campaign.id))
    return campaign


def _zone(conn: Connection, campaign: CampaignRow, which: Which) -> str | None:
    """By whose clock the contact is called; ``None`` where nobody has a zone."""
    own = callbacks.zone_of(conn, campaign.id, which.contact_id)
    zone = clock_zone(campaign.settings, own or "", campaign.call_window_timezone or "")
    return zone if zone and not zone_faults(zone) else None


def _note(campaign: CampaignRow, contact: LockedContact) -> str:
    """What else has to happen for the call to be made."""
    if contact.status == ContactStatus.CALLING:
        return " It is on the phone now, and waits for that when the call has ended."
    if campaign.status == CampaignStatus.PAUSED:
        return " The campaign is paused; resume it in time."
    if campaign.status != CampaignStatus.RUNNING:
        return f" The campaign is {campaign.status}; the call is made once it runs."
    return ""
