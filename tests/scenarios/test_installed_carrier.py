"""A carrier that an installed package adds: from its settings to a call that was placed with it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from secrets import token_hex

import pytest

from tests.carriers.installing import install, install_acme
from tests.carriers.peer import Peer, Reply
from tests.carriers.rigs import simulator_reports
from tests.scenarios.through import campaign_through
from tests.world import World
from worker.carriers import http, registry
from worker.cli.doctor import all_findings
from worker.cli.findings_carriers import unknown_carriers
from worker.domain.errors import Invalid
from worker.domain.resources import ACCOUNT
from worker.flow import receipt
from worker.operations import resources
from worker.operations.assistants import assistant
from worker.process import settings, wiring
from worker.store.crm import setup
from worker.store.migrate import migrate

pytestmark = pytest.mark.slow

SECRET = token_hex(16)


@pytest.fixture
def database_url(own_database_url: str) -> str:
    """A name that was made known to a database stays there, so each test has a database of its own."""
    return own_database_url


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Acme is installed in this process, beside a package that cannot be used; both are forgotten at the end."""
    monkeypatch.syspath_prepend(str(install_acme(tmp_path)))
    install(tmp_path, "gone-one", {}, {"gone": "not_there:SPEC"})
    caches = (registry.found, settings.settings_model)
    for cache in caches:
        cache.cache_clear()
    yield
    monkeypatch.undo()
    sys.modules.pop("acme_carrier", None)
    for cache in caches:
        cache.cache_clear()


@pytest.fixture
def acme(installed: None, world: World, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A deployment that can call with Acme, at a server that does as it is scripted, and with the simulator's stage."""
    given = {"ACME_KEY": SECRET, "ACME_REGION": "south", "ACME_API_BASE_URL": peer.url}
    made = wiring.build(settings.read_settings(given)).carriers
    with http.new_client() as client:  # which all share, and a process keeps to its end
        monkeypatch.setattr(http, "new_client", lambda: client)
        assert list(made) == ["acme"]
        world.dialer = replace(world.dialer, carriers={**world.dialer.carriers, **made})
        yield world


def test_a_call_goes_through_it_with_its_settings_and_its_id_of_the_assistant(acme: World, peer: Peer) -> None:
    assert migrate(acme.engine, registry.specs()) == ["carrier acme"]
    dialer, team = acme.dialer, acme.team
    sent = {"name": "Ann", "acmeAgentId": "agent-7"}
    agent = resources.create_resource(dialer, assistant(), team, sent, actor="test")
    assert agent["acme_agent_id"] == "agent-7"
    sent = {"name": "Acme", "carrier": "acme"}
    account = resources.create_resource(dialer, ACCOUNT, team, sent, actor="test")
    assert account["calls_per_second"] == 2.0
    acme.write(lambda conn: setup.number(conn, "pn_acme", team, account["id"], "+12025550900"))
    with pytest.raises(Invalid, match=r"through acme cannot be connected to this assistant; give the assistant a acme"):
        campaign_through(acme, "acme")
    peer.replies(Reply(201, {"id": "acme-1"}))
    campaign = campaign_through(acme, "acme", assistantId=agent["id"])
    acme.run(campaign)
    (asked,) = peer.asked
    assert (asked.path, asked.json["agent"], asked.json["region"]) == ("/acme/calls", "agent-7", "south")
    call = acme.call(campaign)
    assert (call.state, call.carrier_call_id) == ("placed", "acme-1")
    for event in ("ringing", "answered", "completed"):
        callback = simulator_reports(event, call.token, secret=SECRET, call="acme-1")
        acme.carry_out(receipt.receive(acme.dialer, "acme", call.token, callback.url, callback.headers, callback.body))
    assert acme.call(campaign).disposition == "answered"


def test_what_it_does_not_name_of_an_assistant_stays(acme: World) -> None:
    fields = {"name": "Ann", "acmeAgentId": "a", "telnyxAssistantId": "t"}
    made = resources.create_resource(acme.dialer, assistant(), acme.team, fields, actor="test")
    change = {"telnyxAssistantId": None}
    edited, _ = resources.edit_resource(acme.dialer, assistant(), acme.team, made["id"], change, actor="test")
    assert (edited["acme_agent_id"], edited["telnyx_assistant_id"]) == ("a", None)
    (row,) = acme.sql("SELECT carrier_ids FROM assistants WHERE id = :id", id=made["id"])
    assert row.carrier_ids == {"acme_agent_id": "a"}


def test_until_the_database_knows_it_the_others_work_and_it_is_said_what_to_do(acme: World) -> None:
    (finding,) = unknown_carriers(acme.dialer)
    assert (finding.name, finding.ok) == ("carrier acme", False)
    with pytest.raises(Invalid, match="does not know the carrier acme yet; run: dialer db migrate"):
        resources.create_resource(acme.dialer, ACCOUNT, acme.team, {"name": "A", "carrier": "acme"}, actor="test")
    assert acme.dialer.sharing == ["acme"]
    campaign = acme.campaign(acme.contacts(3))
    acme.run(campaign)
    acme.until(campaign, "completed")


def test_doctor_says_which_package_is_left_out_and_which_carrier_the_database_lacks(acme: World) -> None:
    wrong = {finding.name: finding.found for finding in all_findings(acme.dialer) if not finding.ok}
    assert wrong["carrier package"].startswith("The carrier gone of the package gone-one is left out: ")
    assert wrong["carrier acme"] == "is not known to the database yet; run: dialer db migrate"


@pytest.mark.usefixtures("installed")
def test_its_settings_are_read_and_checked_as_any() -> None:
    base = {"PUBLIC_BASE_URL": "https://dialer.example.com"}
    with pytest.raises(Invalid) as refused:
        settings.read_settings({"ACME_KEY": SECRET, "ACME_REGION": "west"} | base)
    assert [(fault.path, fault.message) for fault in refused.value.faults] == [("ACME_REGION", "Give north or south.")]
    with pytest.raises(Invalid, match="Set it too, or none of ACME_KEY, ACME_REGION"):
        settings.read_settings({"ACME_KEY": SECRET} | base)
    with pytest.raises(Invalid, match="Acme must reach it"):
        settings.read_settings({"ACME_KEY": SECRET, "ACME_REGION": "north"})
    assert settings.misnamed({"ACME_REGOIN": "north"}) == {"ACME_REGOIN": "ACME_REGION"}
    assert SECRET not in repr(settings.read_settings({"ACME_KEY": SECRET, "ACME_REGION": "north"} | base))
