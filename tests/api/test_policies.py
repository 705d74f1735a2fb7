"""The rules of calling over HTTP."""

from __future__ import annotations

from httpx2 import Client

from tests.api.client import refused
from worker.api.models_policies import Policies
from worker.domain.policies import listing

PATH = "/api/crm/policies"


def test_the_rules_are_those_of_the_program(client: Client) -> None:
    answer = client.get(PATH)
    assert answer.status_code == 200
    assert answer.json() == {"success": True, **listing()}
    Policies.model_validate(answer.json())


def test_those_of_one_place_are_its_own_and_those_around_it(client: Client) -> None:
    rules = client.get(PATH, params={"place": "US-FL"}).json()["rules"]
    assert {rule["place"] for rule in rules} == {"US", "US-FL"}
    for place in ("Atlantis", "", "US-FL-1", "%00"):
        refused(client.get(PATH, params={"place": place}), 400, "invalid_request")
