"""Who did what to which thing, noted in the transaction that did it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, text

NOTE = text("""
INSERT INTO audit_log (team_id, actor, action, subject_id, detail)
VALUES (:team, :actor, :action, :subject, CAST(:detail AS jsonb))
""")


def note(
    conn: Connection,
    team_id: str | None,
    actor: str,
    action: str,
    subject_id: str,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Write one line of the team's audit log; of no team's, where it is about the deployment."""
    values = {"team": team_id, "actor": actor, "action": action, "subject": subject_id}
    conn.execute(NOTE, values | {"detail": json.dumps(dict(detail or {}), default=str)})
