"""Query parameters: none is passed over in silence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from httpx2 import Client

from tests.api.client import CAMPAIGNS, paths
from tests.api.routes import routes
from tests.world import World
from worker.api.app import app
from worker.api.openapi import document


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document(app)["paths"].items():
        for method, operation in methods.items():
            if path.startswith("/api/"):
                yield method.upper(), path, operation


def declared(operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    parameters = operation.get("parameters", ())
    return {parameter["name"]: parameter["schema"] for parameter in parameters if parameter["in"] == "query"}


def is_list(schema: dict[str, Any]) -> bool:
    return any(choice.get("type") == "array" for choice in (schema, *schema.get("anyOf", ())))


def test_every_route_refuses_a_parameter_it_does_not_know_and_names_those_it_does(web: World, client: Client) -> None:
    """The routes of carriers are not of the API: they add what they like to the addresses they were given."""
    seen = set()
    for method, path, operation in operations():
        known = declared(operation)
        given = {"teamId": web.team} if "teamId" in known else {}
        where = path.replace("{id}", "none").replace("{number}", "none")
        answer = client.request(method, where, params=given | {"phonee": "1"}, headers={"Content-Type": "text/csv"})
        assert paths(answer) == ["phonee"], f"{method} {path}"
        (fault,) = answer.json()["errors"]
        assert fault["message"].startswith("Unknown parameter; ")
        assert all(name in fault["message"] for name in known), f"{method} {path}"
        seen.add((method, path))
    assert seen == {(method, path) for method, path in routes() if path.startswith("/api/")}


def test_every_parameter_but_a_list_may_be_given_once_only(web: World, client: Client) -> None:
    for method, path, operation in operations():
        for name, schema in declared(operation).items():
            params = [(name, web.team), (name, web.team)]
            params += [("teamId", web.team)] if name != "teamId" and "teamId" in declared(operation) else []
            answer = client.request(method, path.replace("{id}", "none"), params=params)
            if is_list(schema):
                assert name not in str(answer.json()["errors"])
            else:
                messages = {fault["path"]: fault["message"] for fault in answer.json()["errors"]}
                assert messages == {name: "It is given 2 times; give it once."}, f"{method} {path} {name}"


@pytest.mark.parametrize(
    ("query", "messages"),
    [
        ("status=failed", {"status": "Unknown parameter; known here are limit, offset."}),
        ("limt=1", {"limt": "Unknown parameter; did you mean limit? Known here are limit, offset."}),
        ("LIMIT=1", {"LIMIT": "Unknown parameter; did you mean limit? Known here are limit, offset."}),
        ("limit=x", {"limit": "Give a whole number from 1 to 500."}),
        ("limit=1.5&offset=-1", {"limit": "Give a whole number from 1 to 500.", "offset": ...}),
        ("limit=0&a=1&b=2", {"limit": "Give a whole number from 1 to 500.", "a": ..., "b": ...}),
        ("limit=9999999999999999999999", {"limit": "Give a whole number from 1 to 500."}),
        ("limit=%00", {"limit": "It contains a NUL character; remove it."}),
        ("=1", {"": "Unknown parameter; known here are limit, offset."}),
    ],
)
def test_all_that_is_wrong_with_a_query_is_shown_at_once(client: Client, query: str, messages: dict[str, Any]) -> None:
    answer = client.get(f"{CAMPAIGNS}/camp_1/calls?{query}")
    assert set(paths(answer)) == set(messages)
    for fault in answer.json()["errors"]:
        assert messages[fault["path"]] in (..., fault["message"])


def test_a_parameter_of_another_kind_is_answered_with_what_it_may_be(web: World, client: Client) -> None:
    statuses = "draft, scheduled, running, paused, completed, cancelled"
    for path, query, message in (
        (CAMPAIGNS, f"teamId={web.team}&status=done", f"Give one of: {statuses}."),
        (CAMPAIGNS, f"teamId={web.team}&deleted=yes", "Give one of: exclude, include, only."),
        (CAMPAIGNS, "", "Required: give a text."),
        ("/api/crm/contacts", "doNotCall=maybe", "Give true or false."),
    ):
        (fault,) = client.get(f"{path}?{query}").json()["errors"]
        assert fault["message"] == message


def test_carriers_may_add_to_the_addresses_they_were_given(client: Client) -> None:
    answer = client.post("/carriers/simulator/events/" + "0" * 32 + "?a=1&a=2")
    assert "parameter" not in answer.text
