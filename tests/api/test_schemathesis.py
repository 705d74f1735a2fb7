"""Every operation is what the OpenAPI document says of it, asked with what the document allows and forbids.

The things a request may name exist, and the document that is fuzzed knows their ids: with made-up ones every
answer would be a 404.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import schemathesis
from httpx2 import Client
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig
from sqlalchemy import Connection

from tests.world import World
from worker.api.app import app
from worker.api.openapi import document
from worker.store import campaigns, contacts, setup
from worker.store.contacts import NewContact

EXAMPLES = 10
TEAM = "team_a"
IDS = {
    "campaigns": "camp_known",
    "contacts": "cont_known",
    "companies": f"comp_{TEAM}",
    "assistants": f"asst_{TEAM}",
    "carrier-accounts": f"acct_{TEAM}",
    "phone-numbers": "pn_known",
}
FIELDS = {
    "teamId": TEAM,
    "companyId": IDS["companies"],
    "assistantId": IDS["assistants"],
    "carrierAccountId": IDS["carrier-accounts"],
}
LISTS = {"fromNumberIds": IDS["phone-numbers"], "contactIds": IDS["contacts"]}
CONFIG = {
    "generation": {"mode": "all", "max-examples": EXAMPLES, "deterministic": True, "database": "none"},
}


def known_document() -> dict[str, Any]:
    """The document, with the ids that exist for the only ones."""
    made = deepcopy(document(app))
    for path, operations in made["paths"].items():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path":
                    collection = path.removeprefix("/api/crm/").partition("/")[0]
                    parameter["schema"] = {"type": "string", "enum": [IDS[collection]]} if parameter["name"] == "id" else parameter["schema"]
                elif parameter["name"] in FIELDS:
                    _restrict(parameter["schema"], FIELDS[parameter["name"]])
    for schema in made["components"]["schemas"].values():
        for name, of_field in schema.get("properties", {}).items():
            if name in FIELDS:
                _restrict(of_field, FIELDS[name])
            elif name in LISTS:
                _restrict(of_field, LISTS[name])
    return made


def _restrict(schema: dict[str, Any], value: str) -> None:
    for one in schema.get("anyOf", [schema]):
        if one.get("type") == "array":
            one["items"] = {"type": "string", "enum": [value]}
        elif one.get("type") == "string":
            one["enum"] = [value]


schema = schemathesis.openapi.from_dict(known_document(), config=SchemathesisConfig.from_dict(CONFIG))


@pytest.fixture
def known(web: World) -> World:
    """A world in which the known ids name something."""

    def work(conn: Connection) -> None:
        setup.number(conn, IDS["phone-numbers"], TEAM, IDS["carrier-accounts"], "+12025550003", limit=10)
        contacts.load(conn, TEAM, [NewContact(IDS["contacts"], "+12025550100", "+12025550100", None)])
        campaigns.insert(
            conn,
            campaigns.NewCampaign(
                id=IDS["campaigns"],
                team_id=TEAM,
                assistant_id=IDS["assistants"],
                company_id=IDS["companies"],
                name="A campaign",
                number_ids=[IDS["phone-numbers"]],
            ),
        )

    web.write(work)
    return web


@schema.parametrize()
@settings(deadline=None, suppress_health_check=list(HealthCheck))
def test_an_operation_does_what_the_document_says(known: World, client: Client, url: str, case: schemathesis.Case) -> None:
    case.call_and_validate(base_url=url, headers={"Authorization": client.headers["Authorization"]}, timeout=20)
