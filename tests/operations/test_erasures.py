"""Nothing of a person who was erased is left in any column, and their number goes on being refused."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.world import World
from worker.domain.contact_file import ContactFile
from worker.domain.errors import Conflict, Invalid, NotFound
from worker.flow import tick
from worker.operations import consents, contacts, erasure_replay, erasures, imports, opt_out
from worker.operations.test_call import place_test_call
from worker.simulator.lives import Life
from worker.store import gate

NUMBER, SECOND, OTHER = "+12125550123", "+12125550177", "+12125550199"
SPELLED = ("+1 (212) 555-0123", "212.555.0123", "00 1 212 5550123", "2125550123", "+1-212-555-01-23")
PERSON = {
    "firstName": "Zenobia", "lastName": "Quillfeather", "phone": "+1 212 555 0123", "phoneSecondary": "212-555-0177",
    "email": "zenobia@quill.example", "externalId": "crm-99081", "customFields": {"note": "asks for Zenobia"},
    "tags": ["quill-vip"],
}  # fmt: skip
TRACES = re.compile(
    r"zenobia|quill|crm-99081|2[^0-9a-z]{0,3}1[^0-9a-z]{0,3}2[^0-9a-z]{0,3}5[^0-9a-z]{0,3}5[^0-9a-z]{0,3}5"
    r"[^0-9a-z]{0,3}0[^0-9a-z]{0,3}1[^0-9a-z]{0,3}(2[^0-9a-z]{0,3}3|7[^0-9a-z]{0,3}7)",
    re.IGNORECASE,
)
COLUMNS = """
SELECT table_name, column_name FROM information_schema.columns
WHERE table_schema = 'public' AND data_type IN ('text', 'json', 'jsonb', 'ARRAY', 'character varying', 'bytea')
ORDER BY 1, 2
"""


def traces(world: World) -> list[str]:
    """Every column of every table in which something of the person stands."""
    found = []
    for table, column in world.sql(COLUMNS):
        for (text,) in world.sql(f'SELECT "{column}"::text FROM "{table}" WHERE "{column}" IS NOT NULL'):
            if TRACES.search(text):
                found.append(f"{table}.{column}: {text[:80]}")
    return found


def furnished(world: World) -> tuple[str, str]:
    """A team with that person in as many places as there are; the contact, and a campaign that has called them."""
    made = contacts.create_contact(world.dialer, world.team, PERSON, actor="test", region="US")
    neighbour = contacts.create_contact(
        world.dialer, world.team, actor="test", region="US",
        body={"firstName": "Bo", "phone": OTHER, "phoneSecondary": SPELLED[1],
              "customFields": {"spouse": ["Zenobia", {SPELLED[0]: SPELLED[2]}]}},
    )  # fmt: skip
    campaign = world.campaign([made["id"], neighbour["id"]])
    world.script({"*": Life(1, 1)})
    world.run(campaign)
    world.until(campaign, "completed")
    world.sql("UPDATE call_events SET raw = jsonb_build_object('To', CAST(:to AS text)) RETURNING id", to=SPELLED[3])
    call = world.sql("SELECT id FROM calls WHERE to_number = :number", number=NUMBER)[0].id
    world.sql(
        "INSERT INTO call_outcomes (call_id, campaign_id, summary, data, transcript_url, reports)"
        " VALUES (:call, :campaign, 'Zenobia wants it', '{\"who\": \"Zenobia\"}', 'https://x.example/quill', :reports)"
        " RETURNING call_id",
        call=call, campaign=campaign, reports=json.dumps({"d": {"n": SPELLED[0]}}),
    )  # fmt: skip
    world.sql(
        "INSERT INTO call_events (carrier, token, event_id, carrier_call_id, kind, raw, outcome)"
        " VALUES ('simulator', 'unmatched', 'e', 'c', 'ringing', :raw, 'unknown_token') RETURNING id",
        raw=json.dumps({"form": f"To={SPELLED[0]}"}),
    )
    world.sql(
        "INSERT INTO idempotency_keys (team_id, key, method, path, body_sha256, status, response)"
        " VALUES (:team, 'k', 'POST', '/x/' || :path, sha256('x'), 200, :response) RETURNING key",
        team=world.team, path=NUMBER, response=json.dumps({"contact": PERSON}),
    )  # fmt: skip
    world.sql(
        "INSERT INTO audit_log (team_id, actor, action, subject_id, detail)"
        " VALUES (:team, 't', 'x', 'y', :detail) RETURNING id",
        team=world.team, detail=json.dumps({"before": {"name": "Zenobia Quillfeather"}, "n": [SPELLED[4]]}),
    )  # fmt: skip
    contacts.ban_numbers(world.dialer, world.team, {"numbers": [NUMBER], "reason": "Zenobia asked"}, actor="t")
    contacts.unban_number(world.dialer, world.team, NUMBER, actor="t")
    contacts.ban_numbers(world.dialer, world.team, {"numbers": [NUMBER], "purpose": "debt"}, actor="t")
    consents.add_consents(
        world.dialer, world.team, {"numbers": [NUMBER, SECOND], "kind": "written", "evidence": "Zenobia"}, actor="t"
    )
    return made["id"], campaign


@pytest.fixture(params=["number", "contactId", "externalId"])
def erased(request: pytest.FixtureRequest, world: World) -> tuple[World, str, str, dict[str, str]]:
    """Somebody who was erased, by each of the ways in which they may be named."""
    contact, campaign = furnished(world)
    assert {trace.partition(".")[0] for trace in traces(world)} >= {
        "contacts", "calls", "call_events", "call_outcomes", "idempotency_keys", "audit_log", "do_not_call", "consents",
    }  # fmt: skip
    body = {request.param: {"number": SPELLED[0], "contactId": contact, "externalId": "crm-99081"}[request.param]}
    done, steps = erasures.erase_person(world.dialer, world.team, body, actor="test")
    assert (done.is_done, steps) == (True, [])
    return world, contact, campaign, body


def test_nothing_of_them_is_left_and_they_are_refused_wherever_they_come_back(
    erased: tuple[World, str, str, dict[str, str]],
) -> None:
    world, contact, campaign, body = erased
    if "number" in body:  # a second number is known by the contact alone, which has this one
        assert traces(world) == []
    assert traces(world) == []
    (call,) = world.sql("SELECT to_number, disposition FROM calls WHERE contact_id = :id", id=contact)
    assert tuple(call) == ("", "answered")
    again = erasures.erase_person(world.dialer, world.team, body, actor="test")[0] if "externalId" not in body else None
    assert again is None or again.is_done
    for phone in (NUMBER, *SPELLED[:2], *SPELLED[3:]):
        with pytest.raises(Invalid, match=r"phone: This number is of somebody who was erased"):
            contacts.create_contact(world.dialer, world.team, {"phone": phone}, actor="test", region="US")
    with pytest.raises(Invalid, match=r"contacts\[1\]\.phoneSecondary"):
        contacts.create_contacts(
            world.dialer, world.team, [{"phone": OTHER}, {"phoneSecondary": SPELLED[1]}], actor="test", region="US"
        )
    somebody = world.contact()
    with pytest.raises(Invalid, match="erased"):
        contacts.edit_contact(world.dialer, world.team, somebody, {"phone": NUMBER}, actor="test")
    with pytest.raises(Conflict, match="was erased"):
        contacts.edit_contact(world.dialer, world.team, contact, {"firstName": "Zenobia"}, actor="test")
    lines = [f"{line}\n" for line in ("phone,first_name", f"{SPELLED[0]},Zenobia", f"{OTHER},Bo", f"{NUMBER},Z")]
    loaded = imports.load_contacts(world.dialer, world.team, None, ContactFile(lines, region="US"), region="US")
    assert (loaded.refused, [fault.path for fault in loaded.faults]) == (2, ["line 2", "line 4"])
    with pytest.raises(Invalid, match="erased"):
        place_test_call(world.dialer, world.team, campaign, NUMBER, opened_by="api", actor="test")
    contacts.ban_numbers(world.dialer, world.team, {"numbers": [NUMBER]}, actor="t")
    consents.add_consents(world.dialer, world.team, {"numbers": [NUMBER], "kind": "express"}, actor="t")
    consents.revoke_consents(world.dialer, world.team, {"numbers": [NUMBER]}, actor="t")
    assert [each for each in traces(world) if "audit_log" not in each] == []


def test_a_number_that_an_older_worker_writes_down_is_not_dialed(world: World) -> None:
    erasures.erase_person(world.dialer, world.team, {"number": NUMBER}, actor="test")
    campaign = world.campaign([world.contact(NUMBER)])  # it asks nobody
    world.run(campaign)
    assert world.stage.requests == []
    assert world.by_status(campaign) == {"skipped": 1}
    world.sql("DELETE FROM campaign_contacts RETURNING id")
    erasures.erase_person(world.dialer, world.team, {"number": NUMBER}, actor="test")
    assert traces(world) == []


def test_who_is_on_the_phone_is_hung_up_first_and_the_tick_does_the_rest(world: World) -> None:
    contact = contacts.create_contact(world.dialer, world.team, PERSON, actor="test", region="US")["id"]
    campaign = world.campaign([contact])
    world.script({"*": Life(1, 600)})
    world.run(campaign)
    done, steps = erasures.erase_person(world.dialer, world.team, {"contactId": contact}, actor="test")
    assert (done.answer()["status"], len(done.live_calls)) == ("ending_calls", 1)
    again, _ = erasures.erase_person(world.dialer, world.team, {"contactId": contact}, actor="test")
    assert again.id == done.id
    assert world.sql("SELECT hang_up FROM calls") == [(True,)]
    world.carry_out(steps)
    world.until(campaign, "completed")
    world.sql("UPDATE ticks SET last_at = 'epoch' RETURNING name")
    tick.tick(world.dialer)
    assert world.sql("SELECT done_at IS NOT NULL FROM erasures") == [(True,)]
    assert traces(world) == []


def test_news_and_reports_that_come_late_bring_nothing_back(world: World) -> None:
    contact, _ = furnished(world)
    erasures.erase_person(world.dialer, world.team, {"contactId": contact}, actor="test")
    (call,) = world.sql("SELECT id, token, carrier_call_id FROM calls WHERE contact_id = :id", id=contact)
    from worker.flow import outcomes
    from worker.store import events
    from worker.store.database import transact

    late = events.Event(call.token, "late", call.carrier_call_id or "c", "answered", raw=json.dumps({"To": NUMBER}))
    transact(world.dialer.db, lambda conn: events.insert(conn, "simulator", [late]))
    with pytest.raises(Conflict, match="erased"):
        outcomes.report_outcome(world.dialer, world.team, call.id, {"outcome": "x", "summary": "Zenobia"}, actor="a")
    with pytest.raises(Conflict, match="erased"):
        opt_out.opt_out(world.dialer, world.team, {"callId": call.id}, actor="a")
    assert traces(world) == []


def test_what_was_exported_is_erased_again_after_a_restore(world: World) -> None:
    erasures.erase_person(world.dialer, world.team, {"number": NUMBER}, actor="test")
    lines = [json.dumps(line) for line in erasure_replay.exported(world.dialer)]
    assert not any(TRACES.search(line) for line in lines)
    world.sql("DELETE FROM erasures RETURNING id")
    world.sql("DELETE FROM suppressed RETURNING team_id")
    contact = contacts.create_contact(world.dialer, world.team, PERSON, actor="test", region="US")["id"]
    done = erasure_replay.replay(world.dialer, lines, actor="test")
    assert (done.erasures, done.contacts, done.numbers, done.running) == (1, 1, 1, 0)
    assert traces(world) == []
    assert world.sql("SELECT erased_at IS NOT NULL FROM contacts WHERE id = :id", id=contact) == [(True,)]
    assert erasure_replay.replay(world.dialer, lines, actor="test").contacts == 0
    for wrong in ("x", "{}", '{"team": 1, "digests": ["ab"], "contacts": [], "secret": ""}', "[]"):
        with pytest.raises(Invalid, match="line 1"):
            erasure_replay.replay(world.dialer, [wrong], actor="test")


def test_another_team_keeps_its_own(world: World) -> None:
    world.another_team("team_b")
    theirs = world.contact(NUMBER, team="team_b", first_name="Zenobia")
    erasures.erase_person(world.dialer, world.team, {"number": NUMBER}, actor="test")
    assert {each.partition(":")[0] for each in traces(world)} == {
        "contacts.first_name", "contacts.phone", "contacts.phone_e164",
    }  # fmt: skip
    with pytest.raises(NotFound):
        erasures.erase_person(world.dialer, world.team, {"contactId": theirs}, actor="test")


@pytest.mark.parametrize(
    "body",
    [{}, {"number": NUMBER, "contactId": "c"}, {"number": "x"}, {"number": 5}, {"who": 1}, {"externalId": ""}],
)
def test_a_request_names_one_person_in_one_way(world: World, body: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        erasures.erase_person(world.dialer, world.team, body, actor="test")


def test_an_erasure_waits_for_who_writes_the_number_down(world: World) -> None:
    import threading

    with world.engine.begin() as writing:
        gate.hold_off_erasure(writing, world.team)
        erasing = threading.Thread(
            target=erasures.erase_person, args=(world.dialer, world.team, {"number": NUMBER}), kwargs={"actor": "test"}
        )
        erasing.start()
        world.wait_for_blocked()
    erasing.join()
    assert world.sql("SELECT count(*) FROM suppressed") == [(1,)]
