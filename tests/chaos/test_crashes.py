"""A process is killed at every place where a crash may fall; the others go on, and nothing is lost.

One worker survives all of it. It stands still until the other has met its fate, so that the fate is met; then it
goes on, and what it has to mend is only what the dead one left.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial

import httpx2
import pytest

from tests.chaos.harness import Chaos
from tests.chaos.judge import await_end, judge
from tests.chaos.teams import Campaign, Limits, Team
from worker.crashpoint import POINTS
from worker.operations import keys


def it_starts_by_itself(team: Team) -> Campaign:
    return team.campaign((5, "plain"), limit=4, starts_in=60)


def it_runs(team: Team) -> Campaign:
    campaign = team.campaign((5, "plain"), limit=4)
    campaign.run()
    return campaign


def its_calls_end_in_silence(team: Team) -> Campaign:
    campaign = team.campaign((2, "silent"), (2, "plain"), limit=4)
    campaign.run()
    return campaign


def its_outcomes_do_not_come(team: Team) -> Campaign:
    campaign = team.campaign((5, "plain"), limit=4, outcomes={"interested": "done"})
    campaign.run()
    return campaign


def redis_was_emptied(team: Team) -> Campaign:
    campaign = it_runs(team)
    team.chaos.redis.flushall()
    return campaign


def its_ends_lack_the_word_on_who_answered(team: Team) -> Campaign:
    """So they wait in the inbox for it, and are settled from there."""
    detection = {"enabled": True, "onMachine": "complete"}
    campaign = team.campaign((5, "known late"), limit=4, settings={"machineDetection": detection})
    campaign.run()
    return campaign


def its_account_is_locked(team: Team) -> Campaign:
    campaign = team.campaign((2, "locked out"), (2, "plain"), limit=4)
    campaign.run()
    return campaign


def it_is_paused_while_the_carrier_keeps_calls(team: Team) -> Campaign:
    campaign = team.campaign((2, "kept"), (2, "plain"), limit=4)
    campaign.run()
    team.chaos.wait(lambda: campaign.calls("state = 'placed'"), "the carrier keeps calls")
    campaign.pause()
    return campaign


def it_ends_by_itself(team: Team) -> Campaign:
    """Long before all are called."""
    (now,) = team.chaos.sql("SELECT dialer_now() AS at")
    campaign = team.campaign((30, "plain"), limit=1, scheduledEndAt=(now.at + timedelta(seconds=60)).isoformat())
    campaign.run()
    return campaign


WORKERS: Mapping[str, Callable[[Team], Campaign]] = {
    "promote.after_commit": it_starts_by_itself,
    "wake.after_take": it_runs,
    "fill.after_slots": it_starts_by_itself,
    "fill.after_commit": it_starts_by_itself,
    "dial.before_commit": it_runs,
    "dial.after_commit": it_runs,
    "dial.after_request": its_calls_end_in_silence,
    "dial.after_store": it_runs,
    "settle.before_commit": its_ends_lack_the_word_on_who_answered,
    "settle.after_commit": its_ends_lack_the_word_on_who_answered,
    "settle.after_release": its_ends_lack_the_word_on_who_answered,
    "outcome.after_decide": its_outcomes_do_not_come,
    "roll_up.before_commit": it_runs,
    "reap.after_take": its_calls_end_in_silence,
    "reap.after_look_up": its_calls_end_in_silence,
    "rebuild.after_raise": redis_was_emptied,
    "rebuild.after_write": redis_was_emptied,
    "close.after_commit": it_ends_by_itself,
    "close.after_sweep": it_ends_by_itself,
    "stop.after_commit": its_account_is_locked,
    "stop.after_mark": it_is_paused_while_the_carrier_keeps_calls,
    "stop.after_request": it_is_paused_while_the_carrier_keeps_calls,
}
"""Where a worker may die → a campaign that brings it there."""


@pytest.mark.slow
@pytest.mark.parametrize("point", WORKERS)
def test_a_worker_killed_there_is_not_missed(chaos: Chaos, point: str) -> None:
    team, (survivor,) = Team(chaos, Limits()), chaos.processes["worker"]
    chaos.freeze_idle(survivor)
    victim = chaos.worker(point)
    campaign = WORKERS[point](team)
    chaos.died_at(victim, point)
    chaos.thaw(survivor)
    if point.startswith("stop."):
        go_on_after_the_stop(campaign)
    await_end(team)
    judge(team)


def go_on_after_the_stop(campaign: Campaign) -> None:
    chaos = campaign.team.chaos
    chaos.wait(lambda: campaign.status == "paused", "the campaign is paused")
    chaos.wait(lambda: campaign.calls("ended_at IS NULL") == 0, "what was under way has ended")
    campaign.resume()


LINE = (
    "promote.after_commit", "wake.after_take", "fill.after_slots", "fill.after_commit", "dial.before_commit",
    "dial.after_commit", "dial.after_request", "dial.after_store", "settle.before_commit", "settle.after_commit",
    "settle.after_release", "outcome.after_decide", "roll_up.before_commit", "reap.after_take", "reap.after_look_up",
    "rebuild.after_raise", "rebuild.after_write", "stop.after_mark", "stop.after_request",
)  # fmt: skip


def test_a_campaign_outlives_a_line_of_workers_each_killed_somewhere_else(chaos: Chaos) -> None:
    """Each of them first meets what the one before left, then its own fate."""
    paced = Limits(calls_per_second=100)
    team, (survivor,) = Team(chaos, paced), chaos.processes["worker"]
    chaos.freeze_idle(survivor)
    few = ((5, "plain"), (1, "silent"), (1, "kept"))
    campaign = team.campaign(*few * 8, starts_in=60, outcomes={"interested": "done"})
    for point in LINE:
        victim = chaos.worker(point)
        if point == "rebuild.after_raise":
            chaos.redis.flushall()
        if point == "stop.after_mark":
            chaos.wait(lambda: campaign.calls("state = 'placed'"), "the carrier keeps a call")
            campaign.pause()
        chaos.died_at(victim, point)
    chaos.thaw(survivor)
    go_on_after_the_stop(campaign)
    await_end(team)
    judge(team)


def test_a_worker_killed_with_the_message_that_requests_a_run_is_not_missed(chaos: Chaos) -> None:
    team, (survivor,) = Team(chaos, Limits()), chaos.processes["worker"]
    chaos.freeze_idle(survivor)
    victim = chaos.worker("run.after_message")
    campaign = team.campaign((5, "plain"), limit=4)
    chaos.celery.send_task("worker.run_campaign", [campaign.id])
    chaos.died_at(victim, "run.after_message")
    assert campaign.status == "draft"
    chaos.thaw(survivor)
    await_end(team)
    judge(team)


def test_a_process_killed_when_it_has_opened_a_run_is_not_missed(chaos: Chaos) -> None:
    team = Team(chaos, Limits())
    campaign = team.campaign((5, "plain"), limit=4)
    victim = chaos.command("campaigns", "run", campaign.id, "--team", team.id, crashpoint="admit.after_commit")
    chaos.died_at(victim, "admit.after_commit")
    await_end(team)
    judge(team)


@pytest.mark.parametrize("point", ["record.after_commit", "record.after_release"])
def test_a_web_process_killed_when_it_has_settled_an_event_is_not_missed(chaos: Chaos, point: str) -> None:
    team = Team(chaos, Limits())
    chaos.terminate(*chaos.processes["web"])
    victim = chaos.web(point)
    it_runs(team)
    chaos.died_at(victim, point)
    chaos.web()
    await_end(team)
    judge(team)


def test_a_report_that_was_kept_and_not_answered_is_not_lost(chaos: Chaos) -> None:
    """Nor is who asked for it called again: the web process dies between the commit and its answer, and whoever reports
    sends the same again."""
    team = Team(chaos, Limits())
    _, key = keys.create_key(chaos.dialer, team.id, "assistant", actor="test")
    chaos.terminate(*chaos.processes["web"])
    victim = chaos.web("outcome.after_commit")
    campaign = team.campaign((2, "plain"), (3, "silent"), limit=4, outcomes={"interested": "done", "no": "never"})
    campaign.run()
    chaos.wait(lambda: campaign.calls("answered_at IS NOT NULL"), "somebody answers")
    (call, *_) = chaos.sql(
        "SELECT id, contact_id FROM calls WHERE campaign_id = :id AND answered_at IS NOT NULL ORDER BY id",
        id=campaign.id,
    )
    body = {"outcome": "no", "doNotCall": True}
    request = partial(
        httpx2.post, f"http://127.0.0.1:{chaos.web_port}/api/crm/calls/{call.id}/outcome", json=body,
        headers={"Authorization": f"Bearer {key}"},
    )  # fmt: skip
    with pytest.raises(httpx2.TransportError):
        request()
    chaos.died_at(victim, "outcome.after_commit")
    kept = "SELECT do_not_call, reports FROM call_outcomes WHERE call_id = :id"
    ((do_not_call, reports),) = chaos.sql(kept, id=call.id)
    assert do_not_call
    chaos.web()
    answer = request()
    assert (answer.status_code, [answer.json()["outcome"]]) == (200, list(reports.values()))
    await_end(team)
    judge(team)
    (status,) = chaos.sql(
        "SELECT status::text FROM campaign_contacts WHERE campaign_id = :campaign AND contact_id = :contact",
        campaign=campaign.id, contact=call.contact_id,
    )[0]  # fmt: skip
    assert status == ("completed" if answer.json()["outcome"]["effect"] == "annotates" else "failed")


def request_of(chaos: Chaos, team: Team, path: str, body: Mapping[str, object]) -> Callable[[], httpx2.Response]:
    """A request of the team's to the web process."""
    _, key = keys.create_key(chaos.dialer, team.id, "operator", actor="test")
    return partial(
        httpx2.post, f"http://127.0.0.1:{chaos.web_port}/api/crm/{path}", json=body, timeout=30,
        headers={"Authorization": f"Bearer {key}"},
    )  # fmt: skip


def test_a_callback_that_was_kept_and_not_answered_comes_at_its_instant_and_once(chaos: Chaos) -> None:
    """The web process dies between the commit and its answer, and whoever asked asks the same again."""
    team = Team(chaos, Limits())
    campaign = team.campaign((4, "plain"), limit=4)
    (contact, *_) = chaos.sql("SELECT contact_id FROM campaign_contacts WHERE campaign_id = :id", id=campaign.id)
    ((now,),) = chaos.sql("SELECT dialer_now()")
    at = now + timedelta(minutes=40)
    path = f"campaigns/{campaign.id}/contacts/{contact.contact_id}/callback"
    request = request_of(chaos, team, path, {"at": at.isoformat()})
    chaos.terminate(*chaos.processes["web"])
    victim = chaos.web("callback.after_commit")
    with pytest.raises(httpx2.TransportError):
        request()
    chaos.died_at(victim, "callback.after_commit")
    asked = "SELECT callback_at FROM campaign_contacts WHERE campaign_id = :campaign AND contact_id = :contact"
    values = {"campaign": campaign.id, "contact": contact.contact_id}
    assert chaos.sql(asked, **values) == [(at,)]
    chaos.web()
    answer = request()
    assert answer.status_code == 200, answer.text
    assert answer.json()["callback"]["at"] == f"{at:%Y-%m-%dT%H:%M:%SZ}"
    campaign.run()
    await_end(team)
    judge(team)
    later = "SELECT dialed_at FROM calls WHERE campaign_id = :campaign AND contact_id = :contact ORDER BY id"
    dialed = [row.dialed_at for row in chaos.sql(later, **values)]
    assert dialed, "it is called"
    assert min(dialed) >= at, "and not before"


@pytest.mark.parametrize("point", ["test_call.after_commit", "admit.after_commit"])
def test_a_test_call_whose_request_died_is_placed_once_at_most(chaos: Chaos, point: str) -> None:
    """Before its run is opened it is never placed, after that once; asked for again it is another call."""
    team = Team(chaos, Limits())
    campaign = team.campaign((2, "plain"), limit=2)
    to = f"+1303999{next(_tried):04d}"
    request = request_of(chaos, team, f"campaigns/{campaign.id}/test-call", {"to": to})
    chaos.terminate(*chaos.processes["web"])
    victim = chaos.web(point)
    with pytest.raises(httpx2.TransportError):
        request()
    chaos.died_at(victim, point)
    (own,) = chaos.sql("SELECT id FROM campaigns WHERE test_of = :id", id=campaign.id)
    chaos.web()
    if point == "admit.after_commit":
        chaos.wait(lambda: _is_over(chaos, own.id), "the call is placed by whoever finds the run")
    answer = request()
    assert answer.status_code == 200, answer.text
    (again,) = chaos.sql("SELECT id FROM campaigns WHERE test_of = :id AND id <> :own", id=campaign.id, own=own.id)
    chaos.wait(lambda: _is_over(chaos, again.id), "the test call is over")
    campaign.run()
    await_end(team)
    judge(team)
    calls = [call for call in chaos.ledger(team.account).placed if call.to_number == to]
    assert len(calls) == 1 + (point == "admit.after_commit")
    ((status,),) = chaos.sql("SELECT status::text FROM campaigns WHERE id = :id", id=own.id)
    assert status == ("completed" if point == "admit.after_commit" else "draft")


_tried = itertools.count()


def _is_over(chaos: Chaos, campaign_id: str) -> bool:
    ((status,),) = chaos.sql("SELECT status::text FROM campaigns WHERE id = :id", id=campaign_id)
    return bool(status == "completed")


@pytest.mark.slow
@pytest.mark.parametrize("point", ["erasure.after_commit", "erasure.after_clear", "erasure.after_page"])
def test_an_erasure_is_done_though_who_asked_for_it_was_killed(chaos: Chaos, point: str) -> None:
    team = Team(chaos, Limits())
    team.campaign((2, "plain"), limit=4)
    (person, *_) = chaos.sql("SELECT id, phone_e164 FROM contacts WHERE team_id = :team ORDER BY id", team=team.id)
    victim = chaos.command("erase", person.id, "--yes", "--team", team.id, crashpoint=point)
    chaos.died_at(victim, point)
    chaos.wait(lambda: chaos.sql("SELECT id FROM erasures WHERE done_at IS NOT NULL"), "the erasure is done")
    (left,) = chaos.sql("SELECT phone_e164, erased_at FROM contacts WHERE id = :id", id=person.id)
    assert left.phone_e164 is None
    assert left.erased_at is not None


def test_every_place_where_a_crash_may_fall_is_met_here() -> None:
    assert (
        WORKERS.keys()
        | {"run.after_message", "admit.after_commit", "outcome.after_commit"}
        | {"callback.after_commit", "test_call.after_commit"}
        | {"record.after_commit", "record.after_release"}
        | {"erasure.after_commit", "erasure.after_clear", "erasure.after_page"}
        == POINTS
    )
    assert {*LINE, "stop.after_commit", "close.after_commit", "close.after_sweep"} == WORKERS.keys()
