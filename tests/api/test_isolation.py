"""Teams apart: every route, walked with another team's ids wherever one fits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from httpx2 import Client, Response

from tests.api.conftest import OTHER_TEAM
from tests.api.routes import routes
from tests.world import World
from worker.api.app import app
from worker.domain.resources import NUMBER, PLAIN, Resource
from worker.operations.keys import create_key
from worker.store import tables

API = "/api/"
CSV = "/api/crm/contacts/import"


def new(resource: Resource, team: str) -> dict[str, Any]:
    """The body of a request that makes one for the team."""
    of_account = {"carrierAccountId": f"acct_{team}"} if resource is NUMBER else {}
    return {**resource.example, **of_account}


def made(client: Client, team: str) -> dict[str, str]:
    """One of each plain resource of the team, by what its path is called."""
    return {
        each.path: client.post(f"{API}crm/{each.path}", json=new(each, team)).json()[each.one]["id"] for each in PLAIN
    }


@pytest.fixture
def theirs(web: World, client: Client) -> dict[str, str]:
    """What the world's own team has, by the part of a path that stands before its id."""
    campaign = web.campaign_that_is("paused")
    web.ban("+12025550777")
    key, _ = create_key(web.dialer, web.team, "theirs", actor="test")
    return {
        "campaigns": campaign,
        "calls": web.calls(campaign)[0].id,
        "teams": web.team,
        "keys": key.id,
        "contacts": web.contact(),
        **made(client, web.team),
        "do-not-call": "+12025550777",
    }


@pytest.fixture
def fields(web: World, theirs: dict[str, str]) -> dict[str, Any]:
    """The same things by the fields that name them."""
    return {
        "teamId": web.team,
        "assistantId": theirs["assistants"],
        "companyId": theirs["companies"],
        "carrierAccountId": theirs["carrier-accounts"],
        "fromNumberIds": [theirs["phone-numbers"]],
        "contactIds": [theirs["contacts"]],
        "contactId": theirs["contacts"],
        "callId": theirs["calls"],
    }


INSTEAD_OF = {"callId": "number", "contactId": "number"}
"""Whom a request is about can be said in one of several ways."""


def ours(web: World) -> dict[tuple[str, str], dict[str, Any]]:
    """For every route that takes a body, one that the asking team could send."""
    (number,) = web.sql("SELECT id FROM phone_numbers WHERE team_id = :t", t=OTHER_TEAM)
    contact = web.contact(team=OTHER_TEAM)
    campaign = {
        "teamId": OTHER_TEAM,
        "assistantId": f"asst_{OTHER_TEAM}",
        "companyId": f"comp_{OTHER_TEAM}",
        "fromNumberIds": [number.id],
        "name": "Ours",
    }
    crm = f"{API}crm"
    edited = {
        "teams": {"name": "Ours"},
        "campaigns": campaign.copy(),
        "contacts": {"firstName": "Ours", "companyId": f"comp_{OTHER_TEAM}"},
        **{each.path: dict(each.edit_example) for each in PLAIN},
    }
    of_campaign = {
        "run": {},
        "schedule": {"scheduledStartAt": "2027-06-01T09:00:00Z"},
        "cancel": {"hangUp": True},
        "clone": {"withContacts": True},
        "redial": {},
        "test-call": {"to": "+12025550123"},
        "contacts/requeue": {"contactIds": [contact]},
        "contacts": {"contactIds": [contact]},
        "contacts/priority": {"contactIds": [contact], "priority": 1},
        "contacts/{contactId}/callback": {"at": "2027-03-02T09:00:00Z"},
    }
    return {
        ("POST", f"{crm}/campaigns"): campaign,
        ("POST", f"{crm}/contacts"): {"firstName": "Ours", "companyId": f"comp_{OTHER_TEAM}", "teamId": OTHER_TEAM},
        **{("POST", f"{crm}/{each.path}"): new(each, OTHER_TEAM) | {"teamId": OTHER_TEAM} for each in PLAIN},
        ("POST", f"{crm}/calls/{{id}}/outcome"): {"outcome": "interested", "doNotCall": True},
        ("POST", f"{crm}/do-not-call"): {"numbers": ["+12025550903"]},
        ("POST", f"{crm}/consents"): {"numbers": ["+12025550904"], "kind": "written", "teamId": OTHER_TEAM},
        ("POST", f"{crm}/consents/revoke"): {"numbers": ["+12025550904"], "teamId": OTHER_TEAM},
        ("POST", f"{crm}/opt-outs"): {"number": "+12025550905", "teamId": OTHER_TEAM},
        ("POST", f"{crm}/erasures"): {"number": "+12025550906", "teamId": OTHER_TEAM},
        ("POST", f"{crm}/keys"): {"name": "Ours", "teamId": OTHER_TEAM},
        ("DELETE", f"{crm}/campaigns/{{id}}/contacts"): of_campaign["contacts"],
        **{("PATCH", f"{crm}/{thing}/{{id}}"): body for thing, body in edited.items()},
        ("PUT", f"{crm}/contacts/by-external-id/{{id}}"): {"companyId": f"comp_{OTHER_TEAM}"},
        ("PUT", f"{crm}/contacts/by-number/{{number}}"): {"companyId": f"comp_{OTHER_TEAM}"},
        **{("POST", f"{crm}/campaigns/{{id}}/{verb}"): body for verb, body in of_campaign.items()},
    }


def everything_of(web: World, team: str) -> dict[str, list[str]]:
    """Every row that belongs to the team."""
    found = {}
    for table in tables.metadata.tables.values():
        if "team_id" in table.c and table.name != "api_keys":
            rows = web.sql(f"SELECT t.* FROM {table.name} t WHERE team_id = :team", team=team)
            found[table.name] = sorted(map(str, rows))
    return found


def api_routes() -> list[tuple[str, str]]:
    found = [(method, path) for method, path in routes() if path.startswith(API)]
    assert len(found) > 30
    return found


def ask(client: Client, method: str, path: str, body: Any = None, **query: Any) -> Response:
    if path == CSV:
        csv = {"Content-Type": "text/csv"}
        return client.request(method, path, params=query, content=b"phone\n+12025550123\n", headers=csv)
    return client.request(method, path, params=query, json=body)


THEIRS = {"contactId": "cont_0001", "campaignId": "camp_theirs"}
"""What the queries of lists name besides."""


def thing_in(path: str) -> str:
    """What the path's id is the id of."""
    return path.removeprefix(f"{API}crm/").partition("/")[0]


NOT_OF_A_TEAM = {"telnyxAssistantId", "externalId", "carrierCallId"}
"""Fields that end as an id does, and name something elsewhere: at a carrier, in another system."""


def id_fields(method: str, path: str) -> Iterator[str]:
    """The fields of the route's documented body that name something of a team's."""
    schemas = app.openapi()["components"]["schemas"]
    operation = app.openapi()["paths"][path][method.lower()]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        waiting = [content["schema"]]
        while waiting:
            schema = waiting.pop()
            waiting += schema.get("anyOf", [])
            if "$ref" in schema:
                waiting.append(schemas[schema["$ref"].rpartition("/")[2]])
            named = (name for name in schema.get("properties", {}) if name.endswith(("Id", "Ids")))
            yield from (name for name in named if name not in NOT_OF_A_TEAM)


def test_another_teams_id_in_a_path_is_nothing_to_be_found(
    web: World, other: Client, theirs: dict[str, str], sent: list[Any]
) -> None:
    bodies, before = ours(web), everything_of(web, web.team)
    walked = 0
    for method, path in api_routes():
        if "{" not in path or method == "PUT":  # what another team calls so is somebody else
            continue
        filled = path.replace("{id}", theirs[thing_in(path)]).replace("{number}", theirs["do-not-call"])
        filled = filled.replace("{contactId}", theirs["contacts"])
        assert "{" not in filled, path
        answer = ask(other, method, filled, bodies.get((method, path)))
        assert answer.status_code == 404, f"{method} {path}: {answer.status_code} {answer.text}"
        walked += 1
    assert walked > 20
    assert everything_of(web, web.team) == before
    assert sent == []


def test_another_teams_id_in_a_body_is_nothing_to_be_found(
    web: World, client: Client, other: Client, fields: dict[str, Any], sent: list[Any]
) -> None:
    bodies, before = ours(web), everything_of(web, web.team)
    mine = made(other, OTHER_TEAM) | {
        "teams": OTHER_TEAM,
        "campaigns": other.post("/api/crm/campaigns", json=bodies["POST", "/api/crm/campaigns"]).json()["campaign"][
            "id"
        ],
        "contacts": web.contact(team=OTHER_TEAM),
    }
    walked = set()
    for method, path in api_routes():
        for field in dict.fromkeys(id_fields(method, path)):
            body = bodies[method, path] | {field: fields[field]}
            body.pop(INSTEAD_OF.get(field, ""), None)
            where = path.replace("{id}", mine.get(thing_in(path), "")).replace("{number}", "+12025550988")
            answer = ask(other, method, where, body)
            expected = 403 if field == "teamId" else 404
            assert answer.status_code == expected, f"{method} {path} {field}: {answer.status_code} {answer.text}"
            walked.add(field)
    assert walked == set(fields)
    assert everything_of(web, web.team) == before
    assert sent == []


def test_another_teams_id_in_a_query_finds_nothing(
    web: World, other: Client, fields: dict[str, Any], sent: list[Any]
) -> None:
    before = everything_of(web, web.team)
    walked = set()
    for method, path in api_routes():
        parameters = app.openapi()["paths"][path][method.lower()].get("parameters", ())
        named = [p["name"] for p in parameters if p["in"] == "query" and p["name"].endswith("Id")]
        for name in (name for name in named if name not in NOT_OF_A_TEAM):
            query = {"teamId": OTHER_TEAM, name: (fields | THEIRS)[name]}
            answer = ask(other, method, path, **query)
            if name == "teamId":
                assert answer.status_code == 403, f"{method} {path}: {answer.text}"
            elif method == "GET":
                assert (answer.status_code, answer.json()["count"]) == (200, 0), f"{path}: {answer.text}"
            else:
                assert answer.status_code == 404, f"{method} {path}: {answer.text}"
            walked.add((method, name))
    assert {("GET", "teamId"), ("GET", "assistantId"), ("GET", "companyId"), ("POST", "companyId")} <= walked
    assert everything_of(web, web.team) == before


def test_the_bodies_of_this_walk_are_taken_from_the_team_itself(web: World, other: Client, sent: list[Any]) -> None:
    """Else the walk would prove nothing: it was not the body that was refused."""
    for (method, path), body in ours(web).items():
        if "{" not in path:
            answer = ask(other, method, path, body)
            assert answer.status_code == 200, f"{method} {path}: {answer.text}"


OF_NO_TEAM = {"/api/crm/policies"}
"""The program's own, and the same for every team."""


def test_every_list_shows_only_the_teams_own(web: World, client: Client, other: Client, theirs: dict[str, str]) -> None:
    ((called,),) = web.sql("SELECT to_number FROM calls WHERE id = :id", id=theirs["calls"])
    must_say = {"/api/crm/calls/evidence": {"number": called}}
    for method, path in api_routes():
        if method == "GET" and "{" not in path and path not in OF_NO_TEAM:
            for asking, team in ((client, web.team), (other, OTHER_TEAM)):
                query = {"teamId": team, "limit": 500} | must_say.get(path, {})
                body = asking.get(path, params=query).json()
                (rows,) = [value for value in body.values() if isinstance(value, list)]
                assert {row.get("team_id", team) for row in rows} <= {team}
                own = [row for row in rows if row.get("id") in theirs.values() or row.get("number") == "+12025550777"]
                assert bool(own) is (asking is client), path


def test_without_a_key_no_route_answers(web: World, url: str) -> None:
    with Client(verify=False, base_url=url) as nobody:
        for method, path in api_routes():
            answer = ask(nobody, method, path, {})
            assert answer.status_code == 401, f"{method} {path}: {answer.status_code}"
            assert answer.headers["WWW-Authenticate"]
