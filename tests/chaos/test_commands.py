"""Where no web process listens, an operator's command does the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery

from tests.chaos.commands import DONE, REFUSED, Commands
from tests.world import World


@pytest.fixture
def commands(world: World) -> Iterator[Commands]:
    celery = Celery("commands", broker="memory://")
    yield Commands(world.dialer, celery)
    celery.close()


def test_each_deed_of_an_operators_is_done_by_command(world: World, commands: Commands) -> None:
    contact, later = world.contact(), world.contact()
    campaign, account = world.campaign([contact]), f"acct_{world.team}"
    number, of_campaign = world.numbers[0], f"/campaigns/{campaign}"
    requests: list[tuple[str, str, dict[str, Any] | None, int, tuple[str, object]]] = [
        ("POST", f"{of_campaign}/resume", None, REFUSED, ("status FROM campaigns", "draft")),
        ("POST", f"{of_campaign}/run", {"maxCalls": 5}, DONE, ("max_calls FROM runs", 5)),
        ("POST", f"{of_campaign}/pause", None, DONE, ("status FROM campaigns", "paused")),
        ("PATCH", of_campaign, {"maxConcurrentCalls": 2}, DONE, ("max_concurrent_calls FROM campaigns", 2)),
        ("POST", f"{of_campaign}/contacts", {"contactIds": [later]}, DONE, ("count(*) FROM campaign_contacts", 2)),
        ("POST", f"{of_campaign}/resume", None, DONE, ("status FROM campaigns", "running")),
        ("POST", "/do-not-call", {"numbers": [world.phone(later)]}, DONE, ("count(*) FROM do_not_call", 1)),
        ("PATCH", f"/contacts/{contact}", {"doNotCall": True}, DONE, ("bool_or(do_not_call) FROM contacts", True)),
        (
            "PATCH",
            f"/phone-numbers/{number}",
            {"enabled": False},
            DONE,
            ("bool_and(enabled) FROM phone_numbers", False),
        ),
        ("PATCH", f"/carrier-accounts/{account}", {"enabled": False}, DONE, ("enabled FROM carrier_accounts", False)),
        ("DELETE", of_campaign, None, REFUSED, ("deleted_at FROM campaigns", None)),
        ("POST", f"{of_campaign}/cancel", {"hangUp": True}, DONE, ("status FROM campaigns", "cancelled")),
        ("DELETE", of_campaign, None, DONE, ("deleted_at IS NOT NULL FROM campaigns", True)),
        ("POST", f"{of_campaign}/restore", None, DONE, ("deleted_at FROM campaigns", None)),
    ]
    for method, path, body, status, (what, became) in requests:
        assert commands.do(world.team, method, path, body) == status, path
        assert world.sql(f"SELECT {what}")[0][0] == became, path
    world.carry_out(world.steps_of_a_tick())
    world.finish_all()


def test_a_team_can_do_nothing_to_anothers_by_command(world: World, commands: Commands) -> None:
    campaign = world.campaign(world.contacts(1))
    world.another_team("team_b")
    assert commands.do("team_b", "POST", f"/campaigns/{campaign}/run", None) == REFUSED
