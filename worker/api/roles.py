"""Which role a key needs for which route: one table, in which every route that asks for a key stands.

Reading is a viewer's. What is done in a day's work, campaigns with all that is in them and who is not to be called, is
an operator's. What decides with what, how much and by whom is called, and what takes a do-not-call back, is an admin's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fastapi import Request

from worker.api.envelope import HttpError
from worker.domain.roles import Role, refusal

CRM = "/api/crm"

_VIEWER = """
GET /assistants
GET /assistants/{id}
GET /calls
GET /calls/{id}
GET /calls/{id}/context
GET /campaigns
GET /campaigns/{id}
GET /campaigns/{id}/calls
GET /campaigns/{id}/contacts
GET /campaigns/{id}/progress
GET /campaigns/{id}/report
GET /campaigns/{id}/runs
GET /carrier-accounts
GET /carrier-accounts/{id}
GET /companies
GET /companies/{id}
GET /contacts
GET /contacts/{id}
GET /contacts/{id}/history
GET /do-not-call
GET /phone-numbers
GET /phone-numbers/{id}
GET /policies
GET /teams
GET /teams/{id}
"""
_OPERATOR = """
DELETE /campaigns/{id}
DELETE /campaigns/{id}/contacts
DELETE /campaigns/{id}/contacts/{contactId}/callback
GET /campaigns/{id}/export
PATCH /assistants/{id}
PATCH /campaigns/{id}
PATCH /companies/{id}
PATCH /contacts/{id}
POST /assistants
POST /campaigns
POST /calls/{id}/hang-up
POST /calls/{id}/outcome
POST /campaigns/{id}/cancel
POST /campaigns/{id}/clone
POST /campaigns/{id}/complete
POST /campaigns/{id}/contacts
POST /campaigns/{id}/contacts/priority
POST /campaigns/{id}/contacts/requeue
POST /campaigns/{id}/contacts/{contactId}/callback
POST /campaigns/{id}/pause
POST /campaigns/{id}/redial
POST /campaigns/{id}/restore
POST /campaigns/{id}/resume
POST /campaigns/{id}/run
POST /campaigns/{id}/schedule
POST /campaigns/{id}/test-call
POST /campaigns/{id}/unschedule
POST /companies
POST /contacts
POST /contacts/import
POST /do-not-call
PUT /contacts/by-external-id/{id}
PUT /contacts/by-number/{number}
"""
_ADMIN = """
DELETE /do-not-call/{number}
GET /keys
PATCH /carrier-accounts/{id}
PATCH /phone-numbers/{id}
PATCH /teams/{id}
POST /carrier-accounts
POST /contacts/imports/{id}/undo-do-not-call
POST /keys
POST /keys/{id}/revoke
POST /phone-numbers
"""


def _routes() -> Iterator[tuple[tuple[str, str], Role]]:
    for role, listed in ((Role.VIEWER, _VIEWER), (Role.OPERATOR, _OPERATOR), (Role.ADMIN, _ADMIN)):
        for line in listed.split("\n"):
            method, _, path = line.partition(" ")
            if method:
                yield (method, f"{CRM}{path}"), role


ROLES: Mapping[tuple[str, str], Role] = dict(_routes())
"""Method and path of a route → the role its key needs at least."""


def refuse_role(request: Request, role: Role) -> None:
    """Raises :class:`HttpError` (403) where a key of this role may not do what its request asks for. A route that the
    table lacks is an admin's."""
    needed = ROLES.get((request.method, request.scope["route"].path_format), Role.ADMIN)
    if not role.may(needed):
        raise HttpError(403, "role_required", refusal(role, needed))
