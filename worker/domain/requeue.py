"""Whether a contact that was given up may wait again because somebody says so.

What was promised to callees outlives the operator's word: the total of calls one contact may get, do-not-call, a
declined call. What the word does overrule is our own judgement that another attempt is of no use: three technical
failures whose cause was mended, a carrier that now allows calls there, a number that was corrected. The
counts stay as they are, so that one more technical failure gives the contact up again.
"""

from __future__ import annotations

from dataclasses import dataclass

from worker.domain.model import WAITING, ContactStatus, Reason
from worker.domain.screening import error_sentence

ABOUT_THE_NUMBER = frozenset({Reason.INVALID_NUMBER, Reason.FAX})
"""What was found out about the number that was called, and is untrue of another one."""


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A contact in a campaign. ``number_fault`` is why its number cannot be dialed, ``was_called_by_it`` whether its
    latest call in the campaign was to the number it has now, ``is_taken`` whether that number is also somebody else's
    in the campaign who was reached or is going to be called."""

    contact_id: str
    status: ContactStatus
    reason: Reason | None = None
    attempts: int = 0
    number_fault: Reason | None = None
    do_not_call: bool = False
    was_called_by_it: bool = False
    is_taken: bool = False


def is_settled(status: ContactStatus) -> bool:
    """Whether there is nothing to be done: the contact waits, or is being called."""
    return status in WAITING or status is ContactStatus.CALLING


def why_not(contact: GivenUp, max_attempts: int) -> str | None:
    """Why the contact may not wait again, as a sentence without its point; ``None`` if it may."""
    name = f"Contact {contact.contact_id}"
    if contact.status is ContactStatus.COMPLETED:
        return f"{name} has been reached"
    if contact.status is ContactStatus.SKIPPED:
        skipped = error_sentence(contact.contact_id, contact.reason or Reason.NO_PHONE_NUMBER)
        return f"{skipped}; when that is mended, the next run calls it"
    if contact.do_not_call:
        return error_sentence(contact.contact_id, Reason.DO_NOT_CALL)
    if contact.number_fault is not None:
        return f"{error_sentence(contact.contact_id, contact.number_fault)}; correct it first"
    if contact.is_taken:
        return error_sentence(contact.contact_id, Reason.DUPLICATE_NUMBER)
    if contact.reason in (Reason.REJECTED, Reason.NEVER_AGAIN):
        return f"{error_sentence(contact.contact_id, contact.reason)} and is left in peace"
    if contact.reason in ABOUT_THE_NUMBER and contact.was_called_by_it:
        return f"{error_sentence(contact.contact_id, contact.reason)}; correct it first"
    if contact.attempts >= max_attempts:
        used = "the one attempt" if max_attempts == 1 else f"all {max_attempts} attempts"
        return f"{name} has used {used} a contact may have in this campaign"
    return None
