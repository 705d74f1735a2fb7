"""All that is known of one person, for whoever asks what is kept of them."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from worker.domain.answers import BANNED, LISTED
from worker.domain.consents import CONSENT
from worker.domain.screening import Phone, normalize
from worker.flow.base import Dialer
from worker.operations.country import country_of_team
from worker.operations.story import contact_story
from worker.operations.views import View, view
from worker.store import consents
from worker.store.database import once
from worker.store.reads import story


def everything_of(
    dialer: Dialer, team_id: str, contact_id: str, *, broker_answers: Callable[[], bool] = lambda: True
) -> View:
    """The story of the team's contact, the entries of do-not-call lists that their numbers are on, and their consents.
    Raises :class:`NotFound`."""
    history = contact_story(dialer, team_id, contact_id, broker_answers=broker_answers).answer()

    def read(conn: Connection) -> View:
        contact = history["contact"]
        second = normalize(contact["phone_secondary"], country_of_team(conn, team_id))
        called = [call["to_number"] for call in history["calls"]]
        found = [contact["phone_e164"], second.e164 if isinstance(second, Phone) else None, *called]
        numbers = [number for number in dict.fromkeys(found) if number]
        return {
            "do_not_call_entries": [view((*BANNED, *LISTED), row) for row in story.entries(conn, team_id, numbers)],
            "consents": [view(CONSENT, row) for row in consents.of_numbers(conn, team_id, numbers)],
        }

    return history | once(dialer.db, read)
