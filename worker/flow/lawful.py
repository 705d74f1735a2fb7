"""What the rules say of a contact beside its hours: whether it may be called at all, and by what it passes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from worker.domain.call_hours import Rules, assess, is_never
from worker.domain.model import Reason
from worker.domain.places import place_of
from worker.flow.base import window_of
from worker.law.words import Consent
from worker.store.columns import CallWindowColumns


@dataclass(frozen=True, slots=True)
class Passed:
    """A contact that may be called, when its hours let it; with the evidence (``calls.law``), where rules bind."""

    law: str | None = None


def passes(
    campaign: CallWindowColumns, zone: str, now: datetime, consent: Consent, *, second_number: str | None = None
) -> Passed | Reason:
    """Whether a contact that waits in this zone, or place, and has given this consent may be called now as far as the
    rules say, or why it may not at all. A ``second_number`` may be somewhere else: the rules of both places bind."""
    if campaign.rules is None:
        return Passed()
    if is_never(window_of(campaign, zone), now):
        return Reason.NO_COMMON_HOUR
    rules = Rules.of(campaign.rules)
    keys = [zone] if second_number is None else [zone, place_of(second_number).code]
    judgements = [each for key in keys if (each := assess(key, rules, now)) is not None]
    for each in judgements:
        if each.needs is None:
            return Reason.PROHIBITED
        if each.needs > consent:
            return Reason.NO_CONSENT
    return Passed(judgements[0].law(consent, *judgements[1:]) if judgements else None)
