"""What a key may do: every route, walked with a key of every role."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from httpx2 import Client

from tests.api.client import refused
from tests.api.conftest import new_client
from tests.api.routes import routes
from tests.world import World
from worker.api.roles import CRM, ROLES
from worker.domain.roles import Role

WITHOUT_KEY: set[tuple[str, str]] = set()
"""Routes that ask for something else than a key."""
NOBODY = "nobody"
"""An id of nothing: what passes is not found, or wrong, and changes nothing."""


@pytest.fixture
def clients(web: World, url: str) -> Iterator[dict[Role, Client]]:
    """One for each role."""
    with ExitStack() as stack:
        yield {role: stack.enter_context(new_client(web, url, web.team, role=role)) for role in Role}


def test_every_route_that_asks_for_a_key_has_a_role_and_no_other_thing_has() -> None:
    assert {route for route in routes() if route[1].startswith(CRM)} - WITHOUT_KEY == set(ROLES)


def test_what_only_reads_is_a_viewers_and_nothing_that_changes() -> None:
    viewers = {route for route, role in ROLES.items() if role is Role.VIEWER}
    assert {method for method, _ in viewers} == {"GET"}


def test_every_route_lets_its_role_in_and_those_above_it_and_nobody_below(
    web: World, clients: dict[Role, Client]
) -> None:
    before = web.sql("SELECT count(*) FROM audit_log")
    for (method, path), needed in ROLES.items():
        filled = path.replace("{id}", NOBODY).replace("{number}", NOBODY)
        for role, client in clients.items():
            answer = client.request(method, filled, content=b"not json")
            if role.may(needed):
                assert answer.status_code != 403, f"{role}: {method} {path}"
            else:
                message = refused(answer, 403, "role_required")
                assert f"{role} key" in message
                assert f"{needed} key" in message
    assert web.sql("SELECT count(*) FROM audit_log") == before


def test_a_key_that_was_there_before_roles_is_an_admins(web: World) -> None:
    web.sql(
        "INSERT INTO api_keys (id, team_id, name, secret_sha256)"
        " VALUES ('old', :team, 'old', sha256('x')) RETURNING id",
        team=web.team,
    )
    assert [row.role for row in web.sql("SELECT role FROM api_keys")] == ["admin"]
