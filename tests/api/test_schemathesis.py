"""Every operation does what the OpenAPI document says of it, asked with what the document allows and forbids.

What a request may name exists, and the document that is fuzzed knows the ids: with made-up ones every answer
would be a 404. Each operation has a world of its own, whose invariants are checked when the fuzzing is over.
"""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

import pytest
import schemathesis
from httpx2 import Client
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig
from sqlalchemy import Connection

from tests.patience import PATIENCE_SECONDS
from tests.world import World
from worker.api.app import app
from worker.api.openapi import document
from worker.domain.resources import PLAIN
from worker.store import tables
from worker.store.crm import campaign_edits, contacts, keys, records, setup
from worker.store.crm.contacts import NewContact

pytestmark = pytest.mark.slow  # half a minute of CPU even with few examples; runs after the suite

TEAM = "team_a"
IDS = {
    "campaigns": "camp_known",
    "calls": "call_known",
    "contacts": "cont_known",
    "companies": f"comp_{TEAM}",
    "assistants": f"asst_{TEAM}",
    "carrier-accounts": f"acct_{TEAM}",
    "phone-numbers": "pn_known",
    "teams": TEAM,
    "keys": "key_known",
}
OTHERS = [each for each in PLAIN if each.path not in IDS]
IDS |= {each.path: f"{each.prefix}_known" for each in OTHERS}
IDS["calls"] = "call_unknown"  # nobody is called here
FIELDS = {
    "teamId": TEAM,
    "companyId": IDS["companies"],
    "assistantId": IDS["assistants"],
    "carrierAccountId": IDS["carrier-accounts"],
    "fromNumberIds": IDS["phone-numbers"],
    "contactIds": IDS["contacts"],
    "accountSlug": TEAM.replace("_", "-"),
    "carrier": "simulator",
}

CONFIG = {
    "generation": {"mode": "all", "max-examples": 10, "deterministic": True, "database": "none"},
    # A request the document allows may be refused, but only for what JSON Schema cannot say; checked by EXPLAINED.
    "checks": {"positive_data_acceptance": {"enabled": False}},
    # `import` reads as the id of a contact for the methods a contact has; so they are no 405, and are allowed.
    "operations": [
        {
            "include-path": "/api/crm/contacts/import",
            "checks": {"unsupported_method": {"enabled": False}, "allow_header_conformance": {"enabled": False}},
        }
    ],
}

EXPLAINED = re.compile(
    "is in the past|is after 2037|not an ISO 8601 date|has no offset|is out of range"  # what an instant may be
    "|Unknown time zone"  # the names of the IANA's database
    "|all three fields of the call window|The end must differ from the start"  # fields that depend on each other
    "|no phone number|not a phone number|a phone number in international form"  # numbering plans
    "|Give an address that begins with"  # an address needs a host
    "|character that is not text"  # a NUL is text for JSON, and not for PostgreSQL
    "|Give a whole number"  # 3.0 is an integer for JSON Schema
    "|line must name the columns"  # CSV
    "|No country .* use an ISO 3166 code"  # the list of countries
    "|Say what to change"  # an edit of a team that names nothing
    "|Give a text of 1 to [0-9]+ characters"  # without the blanks around it
    "|not what `next` of an answer said|Give offset or after"  # what a page before has said
    "|ISO 8601 date and time with an offset"  # an instant in a query is a text
    "|It would mean everybody|than the path names"  # fields that depend on each other, and on the path
    "|The window is empty|it overlaps with|A day is named twice|Give callWindows, or|callWindows are read"  # as above
    "|give a list of 1 to [0-9]+ contact ids, or contacts|contacts in all|It is a word of one campaign's|is not after"
    "|is skipped on the clocks|comes twice on the clocks|is too far away|has no time of day"  # what an instant may be
    "|Give an object of 1 to 50|Give a word of|minutes} and nothing else|Give .done., .never."  # words people choose
    "|Give a name of 1 to|are sent by themselves|belongs to no field|bytes as JSON"  # the same
    r"|^\{.*\}: Unknown field|Unknown outcome"  # what a template, and a report, may name
    "|Give either .(calls|hours).|one of the two|one of the three|the timezone that is confirmed|give campaignId, too"
    "|Give the country, too"  # as above
    "|has no state|cannot be a postal code|There is no rule of|Give the number that was called"  # lists, and blanks
    "|is in the future|is before 1970"  # what an instant may be
)
"""Why a request that the document allows is refused."""


def document_of_known_things() -> dict[str, Any]:
    """The document, with the ids that exist as the only ones."""
    made = deepcopy(document(app))
    for path, operations in made["paths"].items():
        collection = path.removeprefix("/api/crm/").partition("/")[0]
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                if parameter["name"] == "id" and "by-external-id" not in path:  # where any name is one
                    _know(parameter["schema"], IDS[collection])
                elif parameter["name"] == "teamId":
                    _know(parameter["schema"], TEAM)
    for title, schema in made["components"]["schemas"].items():
        for name, of_field in schema.get("properties", {}).items():
            if name in FIELDS and not title.endswith("Filter"):  # which matches nobody by an id that is none
                _know(of_field, FIELDS[name])
    return made


def _know(schema: dict[str, Any], value: str) -> None:
    for choice in schema.get("anyOf", [schema]):
        if choice["type"] == "array":
            choice["items"]["enum"] = [value]
        elif choice["type"] == "string":
            choice["enum"] = [value]


def schema_of(*phases: str) -> schemathesis.BaseSchema:
    """What is fuzzed, in these phases only."""
    chosen = {name: {"enabled": name in phases} for name in ("examples", "coverage", "fuzzing")}
    return schemathesis.openapi.from_dict(KNOWN, config=SchemathesisConfig.from_dict({**CONFIG, "phases": chosen}))


KNOWN = document_of_known_things()
random_requests, every_boundary = schema_of("examples", "fuzzing"), schema_of("coverage")


@pytest.fixture
def known(web: World) -> World:
    """A world in which the ids of the document name something, and somebody ticks."""

    def work(conn: Connection) -> None:
        setup.number(conn, IDS["phone-numbers"], TEAM, IDS["carrier-accounts"], "+12025550003")
        contacts.load(conn, TEAM, [NewContact(IDS["contacts"], "+12025550100", "+12025550100", None)])
        made_of = {"assistant_id": IDS["assistants"], "company_id": IDS["companies"], "name": "A campaign"}
        new = {"id": IDS["campaigns"], "team_id": TEAM, **made_of}
        campaign_edits.create(conn, new, [IDS["phone-numbers"]])
        keys.insert(conn, IDS["keys"], TEAM, "a key", "viewer", bytes(32))
        for each in OTHERS:
            row = {"id": IDS[each.path], "team_id": TEAM, **each.read(each.example)}
            records.add(conn, tables.metadata.tables[each.table], row)

    web.write(work)
    web.tick()
    return web


@random_requests.parametrize()
@settings(deadline=None, suppress_health_check=list(HealthCheck))
def test_an_operation_does_what_the_document_says(
    known: World, client: Client, url: str, case: schemathesis.Case
) -> None:
    check(client, url, case)


@every_boundary.parametrize()
@settings(deadline=None, suppress_health_check=list(HealthCheck))
def test_an_operation_keeps_every_bound_of_the_document(
    known: World, client: Client, url: str, case: schemathesis.Case
) -> None:
    check(client, url, case)


def check(client: Client, url: str, case: schemathesis.Case) -> None:
    """Ask, and hold the answer against the document."""
    headers = {"Authorization": client.headers["Authorization"]}
    response = case.call_and_validate(base_url=url, headers=headers, timeout=PATIENCE_SECONDS)
    if case.meta is not None and case.meta.generation.mode.is_positive and response.status_code == 400:
        faults = response.json()["errors"]
        assert faults, response.text
        unexplained = [fault for fault in faults if not EXPLAINED.search(fault["message"])]
        assert not unexplained, f"{unexplained} of {response.request.body!r}"
