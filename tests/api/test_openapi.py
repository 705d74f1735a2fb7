"""The OpenAPI document says what the API does, and the page for people shows it."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

from httpx2 import Client
from pydantic import BaseModel

from tests.api.client import CAMPAIGNS
from tests.api.routes import routes
from tests.world import World
from worker import api
from worker.api import models, models_campaigns, models_contacts, models_progress
from worker.api.models_resources import models_of
from worker.operations.assistants import RESOURCES


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def test_the_document_is_openapi_3_1_and_knows_every_route(client: Client) -> None:
    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    documented = {(method, path) for method, path, _ in operations(document)}
    undocumented = {("GET", "/"), ("GET", "/docs"), ("GET", "/openapi.json")}
    assert documented == set(routes()) - undocumented


def test_every_operation_is_named_once_and_described(client: Client) -> None:
    document = client.get("/openapi.json").json()
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    for method, path, operation in operations(document):
        assert operation["summary"], path
        assert operation["tags"], path
        assert "200" in operation["responses"], f"{method} {path}"


def test_every_error_of_an_operation_is_documented(client: Client) -> None:
    document = client.get("/openapi.json").json()
    for method, path, operation in operations(document):
        if not path.startswith("/api/"):
            continue
        expected = {"400", "401", "403", "429", "500", "503"}
        if "{" in path:
            expected |= {"404"}
        if method != "GET":
            expected |= {"409", "413", "415"}
        if method == "POST":
            expected |= {"404", "422"}
            assert "Idempotency-Key" in {parameter["name"] for parameter in operation["parameters"]}
        assert expected <= set(operation["responses"]), f"{method} {path}"
        assert operation["security"] == [{"key": []}]
        for status in expected:
            content = operation["responses"][status]["content"]["application/json"]
            assert content["schema"] == {"$ref": "#/components/schemas/Failure"}


def test_every_reference_leads_somewhere(client: Client) -> None:
    answer = client.get("/openapi.json")
    schemas = answer.json()["components"]["schemas"]
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', answer.text))
    assert named <= set(schemas)
    assert "HTTPValidationError" not in schemas


def test_the_documented_answers_are_the_ones_given(web: World, client: Client, sent: list[Any]) -> None:
    """Read strictly: a field that is missing, too much or of another type is a fault."""
    campaign = web.campaign([*web.contacts(2), web.contact(None)])
    url = f"{CAMPAIGNS}/{campaign}"
    strict: list[tuple[type[BaseModel], Any]] = [
        (models_campaigns.RunAnswer, client.post(f"{url}/run", json={"dryRun": True})),
        (models_campaigns.RunAnswer, client.post(f"{url}/run")),
        (models_campaigns.CAMPAIGN_MODELS.answer, client.get(url)),
        (models_campaigns.CAMPAIGN_MODELS.listing, client.get(CAMPAIGNS, params={"teamId": web.team})),
        *((models_of(resource).listing, client.get(f"/api/crm/{resource.path}")) for resource in RESOURCES),
        (models_contacts.CONTACT_MODELS.listing, client.get("/api/crm/contacts")),
        (models_progress.CampaignContactList, client.get(f"{url}/contacts")),
        (models_progress.CallList, client.get(f"{url}/calls")),
        (models_progress.RunList, client.get(f"{url}/runs")),
        (models_progress.ProgressAnswer, client.get(f"{url}/progress")),
        (models_progress.AddedContacts, client.post(f"{url}/contacts", json={"contactIds": web.contacts(1)})),
        (models_progress.Removed, client.request("DELETE", f"{url}/contacts", json={"contactIds": web.contacts(1)})),
        (models.Failure, client.get("/nowhere")),
    ]
    for model, answer in strict:
        read = model.model_validate_json(answer.content, strict=True, extra="forbid")
        assert read.model_dump(mode="json").keys() == answer.json().keys(), model
    web.carry_out(sent)


def test_the_page_for_people_needs_nobody_else(client: Client) -> None:
    answer = client.get("/docs")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    page = answer.text
    assert not re.search(r"<script|src=|@import|url\(|href=\"(?!#|/openapi\.json)", page)
    for _, path, operation in operations(client.get("/openapi.json").json()):
        assert f"<code>{path}</code>" in page
        assert f'id="{operation["operationId"]}"' in page
    anchors = set(re.findall(r'id="([^"]+)"', page))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= anchors


def test_no_two_shapes_have_one_name() -> None:
    """The document has each by its name, so that one of two would be the other's."""
    named: dict[str, set[int]] = {}
    for module in pkgutil.iter_modules(api.__path__, "worker.api."):
        for found in vars(importlib.import_module(module.name)).values():
            if isinstance(found, type) and issubclass(found, BaseModel):
                named.setdefault(found.__name__, set()).add(id(found))
    assert {name for name, ids in named.items() if len(ids) > 1} == set()
