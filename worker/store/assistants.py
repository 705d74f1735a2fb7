"""How the assistant of a campaign, or of one call, can be reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Connection, text

from worker.store.conversations import SECRET, ConversationColumns, person_of
from worker.store.instants import CALL_IS_OVER
from worker.store.shapes import shaped

REACH = text("""
SELECT v.stream_url, v.answer_url, v.carrier_ids,
       ARRAY(SELECT DISTINCT a.carrier::text FROM phone_numbers n JOIN carrier_accounts a ON a.id = n.account_id
             WHERE n.id = ANY(:numbers) ORDER BY 1) AS carriers
FROM assistants v WHERE v.id = :assistant
""")

REACH_OF_CAMPAIGN = text("""
SELECT v.stream_url, v.answer_url, v.carrier_ids,
       ARRAY(SELECT DISTINCT a.carrier::text FROM campaign_numbers cn JOIN phone_numbers n ON n.id = cn.number_id
             JOIN carrier_accounts a ON a.id = n.account_id WHERE cn.campaign_id = c.id ORDER BY 1) AS carriers
FROM campaigns c JOIN assistants v ON v.id = c.assistant_id WHERE c.id = :campaign
""")

EXPECTING = text(f"""
SELECT k.id, k.campaign_id, k.contact_id, v.stream_url, v.answer_url, v.carrier_ids,
       c.variables, {SECRET}, {person_of("k.contact_id")}
FROM calls k JOIN campaigns c ON c.id = k.campaign_id JOIN assistants v ON v.id = c.assistant_id
JOIN carrier_accounts a ON a.id = k.account_id
WHERE k.token = :token AND a.carrier = CAST(:carrier AS carrier) AND k.ended_at IS NULL AND k.state <> 'reserved'
  AND (k.carrier_call_id IS NULL OR k.carrier_call_id = :carrier_call)
  AND NOT (c.status = 'cancelled' AND c.hang_up) AND NOT {CALL_IS_OVER}
""")


class AssistantColumns(Protocol):
    """What an assistant can be reached by."""

    stream_url: str | None
    answer_url: str | None
    carrier_ids: Mapping[str, Any]


@shaped(REACH, REACH_OF_CAMPAIGN)
class Reach(AssistantColumns, Protocol):
    """An assistant, and the ``carriers`` that calls to be connected to it go through."""

    carriers: list[str]


@shaped(EXPECTING)
class AnsweredCall(AssistantColumns, ConversationColumns, Protocol):
    """A call whose callee has answered, with its assistant."""

    id: str
    campaign_id: str
    contact_id: str


def reach(conn: Connection, assistant_id: str, number_ids: Sequence[str]) -> Reach:
    """What the assistant can be reached by, and ``carriers``: those that calls from these numbers go through."""
    return conn.execute(REACH, {"assistant": assistant_id, "numbers": list(number_ids)}).one()


def reach_of_campaign(conn: Connection, campaign_id: str) -> Reach:
    """The same, of a campaign's assistant and numbers."""
    return conn.execute(REACH_OF_CAMPAIGN, {"campaign": campaign_id}).one()


def expecting(conn: Connection, carrier: str, token: str, carrier_call_id: str) -> AnsweredCall | None:
    """The call of this carrier whose callee has answered, with what its assistant can be reached by; ``None`` when
    nobody expects this call any more: it has ended, it is another call under its token, or another carrier's, or its
    campaign hangs up on everybody."""
    given = {"carrier": carrier, "token": token, "carrier_call": carrier_call_id}
    return conn.execute(EXPECTING, given).first()
