"""Carrier accounts and caller IDs: rested and taken out of rotation."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

from worker.store.carriers import known
from worker.store.instants import is_over

SAME = f"""
ARRAY(SELECT a.id FROM carrier_accounts a
      WHERE a.id = :id OR a.carrier = ANY({known("sharing")})
                          AND a.carrier = (SELECT carrier FROM carrier_accounts WHERE id = :id)
      ORDER BY a.id FOR NO KEY UPDATE)
"""
"""An account, and those that are the same at its carrier because they are ``sharing`` its credentials; locked."""

REST_ACCOUNT = text(f"""
UPDATE carrier_accounts
SET rested_at = clock_timestamp(),
    resting_until = greatest(CASE WHEN NOT {is_over("rested_at", "resting_until")} THEN resting_until END,
                             clock_timestamp() + :seconds * interval '1 second'),
    resting_reason = CASE WHEN resting_until > clock_timestamp() + :seconds * interval '1 second'
                           AND NOT {is_over("rested_at", "resting_until")} THEN resting_reason ELSE :reason END
WHERE id = ANY({SAME})
""")

REST_NUMBER = text("""
UPDATE phone_numbers
SET rested_at = clock_timestamp(), resting_until = clock_timestamp() + :seconds * interval '1 second',
    resting_reason = :reason
WHERE id = :id
""")

RETIRE_NUMBER = text("""
UPDATE phone_numbers SET enabled = false, disabled_reason = :reason WHERE id = :id AND enabled
""")

RUNNING_WITH_NUMBER = text("""
SELECT c.id FROM campaigns c JOIN campaign_numbers cn ON cn.campaign_id = c.id
WHERE cn.number_id = :number AND c.status = 'running' ORDER BY c.id
""")


BARE = text("""
SELECT c.id FROM campaigns c JOIN campaign_numbers cn ON cn.campaign_id = c.id
WHERE cn.number_id = :number AND c.status = 'running'
  AND NOT EXISTS (SELECT FROM campaign_numbers o JOIN phone_numbers n ON n.id = o.number_id
                  JOIN carrier_accounts a ON a.id = n.account_id
                  WHERE o.campaign_id = c.id AND n.enabled AND a.enabled)
ORDER BY c.id
""")

FLAGGED_SECONDS = 4 * 3600.0
"""How long a caller ID rests that the callees' networks take for a nuisance."""


def rest_account(
    conn: Connection, account_id: str, seconds: float, reason: str, *, sharing: Sequence[str] = ()
) -> None:
    """Place no call through the account for so long (machine time), nor through any that is the same at a carrier
    among those ``sharing`` credentials; the reason is that of the longest rest."""
    values = {"id": account_id, "seconds": seconds, "reason": reason}
    conn.execute(REST_ACCOUNT, values | {"sharing": list(sharing)})


def rest_number(conn: Connection, number_id: str, reason: str, seconds: float = FLAGGED_SECONDS) -> None:
    """Show the number to nobody for so long (machine time), for this reason, given to people."""
    conn.execute(REST_NUMBER, {"id": number_id, "reason": reason, "seconds": seconds})


def retire_number(conn: Connection, number_id: str, reason: str) -> list[str]:
    """Take the number out of every rotation until somebody enables it again; returns the running campaigns that
    have no other."""
    conn.execute(RETIRE_NUMBER, {"id": number_id, "reason": reason})
    return [row.id for row in conn.execute(BARE, {"number": number_id})]


def running_with_number(conn: Connection, number_id: str) -> list[str]:
    """The running campaigns that show this number."""
    return [row.id for row in conn.execute(RUNNING_WITH_NUMBER, {"number": number_id})]
