"""Twilio's callbacks and its question what to do with a callee who answered, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode, urlsplit
from xml.etree.ElementTree import fromstring

import pytest
from httpx2 import Client, Response

from tests.carriers.peer import Peer, Reply
from tests.carriers.rigs import (
    ACCOUNT,
    BASE,
    SECRET,
    Callback,
    telnyx,
    telnyx_callback,
    telnyx_event,
    twilio,
    twilio_call,
    twilio_callback,
    twilio_reports,
)
from tests.patience import PATIENCE_SECONDS
from tests.world import World
from worker.carriers.twilio.signature import sign
from worker.cli.doctor import all_findings
from worker.flow.base import Settle, Step
from worker.flow.record import MOST_RAW_CHARACTERS
from worker.store.crm import setup

ANSWERED = {"CallSid": "CA1", "CallStatus": "in-progress", "To": "+12025550123"}


@pytest.fixture
def there(web: World, peer: Peer) -> Iterator[World]:
    """The web process of a deployment with Twilio and Telnyx, and a team with a number at Twilio."""
    with closing(twilio(peer.url)) as at_twilio, closing(telnyx(peer.url)) as at_telnyx:
        carriers = {**web.dialer.carriers, "twilio": at_twilio, "telnyx": at_telnyx}
        web.dialer = replace(web.dialer, carriers=carriers, public_base_url=BASE)
        web.write(lambda conn: setup.account(conn, "acct_twilio", web.team, "twilio", "Twilio"))
        web.write(lambda conn: setup.number(conn, "pn_twilio", web.team, "acct_twilio", "+12025550900"))
        web.sql("UPDATE assistants SET stream_url = 'wss://voice.example.com/stream'")
        yield web


@pytest.fixture
def call(there: World, peer: Peer) -> Iterator[Any]:
    """A call that Twilio has accepted; over in the end."""
    peer.replies(Reply(201, twilio_call("queued")))
    campaign = there.campaign(there.contacts(1), fromNumberIds=["pn_twilio"])
    there.run(campaign)
    yield there.call(campaign)
    there.sql("DELETE FROM call_events WHERE outcome IS NULL")
    there.sql("UPDATE calls SET provable_end_at = clock_timestamp(), next_check_at = clock_timestamp()")
    there.tick()


@pytest.fixture
def anonymous(url: str) -> Iterator[Client]:
    """Carriers bring no key."""
    with Client(verify=False, base_url=url, timeout=PATIENCE_SECONDS) as made:
        yield made


def post(client: Client, callback: Callback) -> Response:
    return client.post(urlsplit(callback.url).path, content=callback.body, headers={
        "Content-Type": "application/x-www-form-urlencoded", **callback.headers})  # fmt: skip


def asks(client: Client, token: str, fields: Mapping[str, str] = ANSWERED, **how: str) -> Response:
    return post(client, twilio_callback(token, fields, path="answer", **how))


def verbs(answer: Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/xml")
    return [verb.tag for verb in fromstring(answer.text)]


def test_an_expected_callee_is_connected_with_the_ids_of_the_call(
    anonymous: Client, there: World, call: Any, sent: list[Step]
) -> None:
    answer = asks(anonymous, call.token)
    assert verbs(answer) == ["Connect"]
    parameters = {p.get("name"): p.get("value") for p in fromstring(answer.text).iter("Parameter")}
    assert parameters == {"callId": call.id, "campaignId": call.campaign_id, "contactId": call.contact_id}
    assert sent == [Settle()]
    there.carry_out(sent)
    assert there.call(call.campaign_id).state == "in_progress", "the question is news that it was answered"


def test_the_question_and_the_callback_of_the_answer_are_one_event(anonymous: Client, there: World, call: Any) -> None:
    asks(anonymous, call.token)
    assert post(anonymous, twilio_reports("answered", call.token)).status_code == 204
    assert [row.kind for row in there.sql("SELECT kind FROM call_events")] == ["answered"]


def test_a_question_that_is_asked_again_is_answered_the_same(anonymous: Client, call: Any) -> None:
    assert asks(anonymous, call.token).text == asks(anonymous, call.token).text


def test_a_call_that_has_ended_is_hung_up(anonymous: Client, there: World, call: Any, sent: list[Step]) -> None:
    post(anonymous, twilio_reports("busy", call.token))
    there.carry_out(sent)
    assert verbs(asks(anonymous, call.token)) == ["Hangup"]


def test_another_call_under_the_token_is_hung_up(anonymous: Client, call: Any) -> None:
    assert verbs(asks(anonymous, call.token, {**ANSWERED, "CallSid": "CA2"})) == ["Hangup"]


def test_a_call_whose_campaign_hangs_up_on_everybody_is_hung_up(
    anonymous: Client, there: World, peer: Peer, call: Any
) -> None:
    peer.replies(*[Reply(200, twilio_call("ringing"))] * 5)
    there.cancel(call.campaign_id, hang_up=True)
    assert verbs(asks(anonymous, call.token)) == ["Hangup"]


def test_a_call_of_a_paused_campaign_that_was_answered_goes_on(
    anonymous: Client, there: World, peer: Peer, call: Any
) -> None:
    peer.replies(*[Reply(500)] * 5)
    there.pause(call.campaign_id)
    assert verbs(asks(anonymous, call.token)) == ["Connect"]


def test_a_call_of_another_account_is_hung_up_whatever_token_it_asks_under(
    anonymous: Client, there: World, call: Any, sent: list[Step]
) -> None:
    assert verbs(asks(anonymous, call.token, {**ANSWERED, "AccountSid": "AC" + "1" * 32})) == ["Hangup"]
    assert sent == []
    assert verbs(asks(anonymous, call.token, {**ANSWERED, "AccountSid": ACCOUNT})) == ["Connect"]


def test_a_call_that_asks_under_the_token_of_another_carriers_call_is_hung_up(
    anonymous: Client, there: World, call: Any, sent: list[Step]
) -> None:
    there.sql("UPDATE carrier_accounts SET carrier = 'telnyx' WHERE id = 'acct_twilio'")
    assert verbs(asks(anonymous, call.token)) == ["Hangup"]
    assert sent == []
    there.sql("UPDATE carrier_accounts SET carrier = 'twilio' WHERE id = 'acct_twilio'")


def test_a_call_under_a_token_of_no_call_is_hung_up_and_kept(anonymous: Client, there: World) -> None:
    assert verbs(asks(anonymous, "f" * 32)) == ["Hangup"]
    assert [row.kind for row in there.sql("SELECT kind FROM call_events")] == ["answered"]


def test_a_question_nobody_signed_is_refused_counted_and_shown_by_doctor(anonymous: Client, there: World) -> None:
    answer = asks(anonymous, "f" * 32, secret="another")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert there.sql("SELECT FROM call_events") == []
    (found,) = [finding for finding in all_findings(there.dialer) if finding.name.startswith("callbacks refused")]
    assert (found.name, found.ok) == ("callbacks refused of twilio", False)
    assert found.found.startswith("1 with a wrong signature, the last ")
    there.sql("UPDATE callback_refusals SET last_at = last_at - interval '1 day'")
    assert [f.ok for f in all_findings(there.dialer) if f.name.startswith("callbacks refused")] == [True]


def test_an_address_that_posts_too_much_unsigned_has_to_wait_and_what_is_signed_is_taken_all_the_same(
    anonymous: Client, there: World, call: Any, configure: Callable[..., None]
) -> None:
    configure(refused_callbacks_per_minute=3)
    forged, true = twilio_reports("busy", call.token, secret="another"), twilio_reports("ringing", call.token)
    answers = [post(anonymous, forged) for _ in range(10)]
    assert [answer.status_code for answer in answers] == [403] * 3 + [429] * 7
    assert all(answer.headers["Retry-After"] for answer in answers[3:])
    assert asks(anonymous, call.token, secret="another").status_code == 429
    assert post(anonymous, true).status_code == 204
    assert verbs(asks(anonymous, call.token)) == ["Connect"]
    assert [row.kind for row in there.sql("SELECT kind FROM call_events ORDER BY id")] == ["ringing", "answered"]
    there.dialer.tally.write(there.dialer.db)
    assert [row.refused for row in there.sql("SELECT refused FROM callback_refusals")] == [11]


def test_a_body_larger_than_any_carriers_is_not_kept_whole(anonymous: Client, there: World) -> None:
    callback = twilio_reports("ringing", "f" * 32, Sent="x" * 50_000)
    assert post(anonymous, callback).status_code == 204
    (row,) = there.sql("SELECT raw, length(raw::text) AS size FROM call_events")
    assert row.size <= MOST_RAW_CHARACTERS
    assert row.raw["cut"].endswith(" characters came; this is the beginning.")
    assert row.raw["beginning"].startswith('{"CallSid": "CA1"')
    assert post(anonymous, twilio_reports("busy", "f" * 32, Sent="x" * 66_000)).status_code == 413


@pytest.mark.parametrize("long", ["token", "call"])
def test_names_that_are_too_long_for_an_index_are_refused(anonymous: Client, there: World, long: str) -> None:
    names = {"token": "f" * 32, "call": "CA1", long: "f" * 5000}
    answer = post(anonymous, twilio_reports("ringing", names["token"], call=names["call"]))
    assert (answer.status_code, there.sql("SELECT FROM call_events")) == (400, [])


@pytest.mark.parametrize("fields", [{}, {"CallStatus": "in-progress"}, {"CallSid": "CA\x00", "CallStatus": "busy"}])
def test_a_signed_question_that_makes_no_sense_is_400(anonymous: Client, there: World, fields: dict[str, str]) -> None:
    assert asks(anonymous, "f" * 32, fields).status_code == 400


@pytest.mark.parametrize("carrier", ["simulator", "telnyx", "nobody"])
def test_only_a_carrier_that_asks_is_answered(anonymous: Client, there: World, carrier: str) -> None:
    assert anonymous.post(f"/carriers/{carrier}/answer/{'f' * 32}").status_code == 404


def test_news_that_matters_to_no_call_is_taken_and_not_kept(anonymous: Client, there: World) -> None:
    """Refused, Telnyx would send it again for hours."""
    callback = telnyx_callback("f" * 32, telnyx_event("call.bridged", "f" * 32))
    assert post(anonymous, callback).status_code == 204
    assert there.sql("SELECT FROM call_events") == []


@pytest.mark.parametrize("event", ["ringing", "machine", "completed"])
def test_several_kinds_of_callbacks_come_to_one_address(anonymous: Client, there: World, call: Any, event: str) -> None:
    callback = twilio_reports(event, call.token)
    assert [post(anonymous, callback).status_code for _ in range(2)] == [204, 204]
    assert len(there.sql("SELECT FROM call_events")) == 1


def test_a_query_in_the_address_is_signed_along(anonymous: Client, there: World) -> None:
    target = f"/carriers/twilio/events/{'f' * 32}?edge=dublin"
    fields = {"CallSid": "CA1", "CallStatus": "ringing"}
    headers = {"X-Twilio-Signature": sign(SECRET, BASE + target, fields.items())}
    assert anonymous.post(target, content=urlencode(fields), headers=headers).status_code == 204
