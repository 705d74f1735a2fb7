"""How operators act: each deed over the real HTTP API or by a command, journaled with the instants it lay between."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.commands import Commands
from tests.chaos.journal import DatabaseClock, Journal

ANSWER_SECONDS = 12.0
NOT_SENT = 599
"""Nobody listened: a status of ours, for what was certainly not sent."""


@dataclass
class ApiClient:
    """``keys`` are the teams' bearer keys, ``answers`` the bodies of refusals. Where nobody listens, the
    ``commands`` do it."""

    journal: Journal
    clock: DatabaseClock
    web_port: int
    keys: Mapping[str, str]
    answers: list[str] = field(default_factory=list)
    commands: Commands | None = None

    def do(
        self,
        name: str,
        team_id: str,
        subject: str,
        request: tuple[str, str],
        body: Mapping[str, Any] | None = None,
        *,
        value: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> int | None:
        """Ask for it, by method and path; the status of the answer, ``None`` where none came."""
        entry = self.begin(name, subject, value)
        status = self._request(team_id, *request, body, headers or {})
        if status == NOT_SENT and self.commands is not None:
            status = self.commands.do(team_id, *request, body)
        self.end(entry, status)
        return status

    def begin(self, name: str, subject: str, value: object) -> dict[str, Any]:
        """Journal that a deed is about to be done; :meth:`end` says with what success."""
        return self.journal.note("deed", self.clock.now(), name=name, subject=subject, value=value, status="requested")

    def end(self, entry: dict[str, Any], status: int | None) -> None:
        """``None``: nobody knows whether it was done."""
        self.journal.amend(entry, {"status": status, "done_at": self.clock.now() if done(status) else None})

    def _request(
        self, team_id: str, method: str, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> int | None:
        connection = http.client.HTTPConnection("127.0.0.1", self.web_port, timeout=ANSWER_SECONDS)
        sent = {"Authorization": f"Bearer {self.keys[team_id]}", "Content-Type": "application/json", **headers}
        try:
            connection.connect()
        except OSError:
            return NOT_SENT
        try:
            connection.request(method, f"/api/crm{path}", None if body is None else json.dumps(body), sent)
            response = connection.getresponse()
            said = response.read().decode(errors="replace")
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        if response.status >= 400:
            self.answers.append(said)
        return response.status


def done(status: object) -> bool:
    """Whether it was surely done."""
    return isinstance(status, int) and 200 <= status < 300


def is_in_doubt(status: object) -> bool:
    """Whether nobody knows: no answer, or one that blames the server."""
    return not isinstance(status, int) or 500 <= status < NOT_SENT
