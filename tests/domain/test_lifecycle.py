from __future__ import annotations

import re
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.lifecycle import (
    CALL_MOVES,
    CALL_ORDER,
    CAMPAIGN_MOVES,
    CONTACT_MOVES,
    RUN_MOVES,
    STOPS,
    CallView,
    EventOutcome,
    Ignored,
    Verb,
    refusal,
    transition,
)
from worker.domain.model import CallState, CampaignStatus, ContactStatus, Disposition, EventKind, RunState

SCHEMA = (Path(__file__).parents[2] / "schema.sql").read_text()

LIVE = [state for state in CallState if state is not CallState.ENDED]
LIVES = [
    (EventKind.RINGING, EventKind.ENDED),
    (EventKind.QUEUED, EventKind.RINGING, EventKind.ANSWERED, EventKind.ENDED),
    (EventKind.RINGING, EventKind.ANSWERED, EventKind.MACHINE, EventKind.ENDED),
    (EventKind.ENDED,),
]


def drawn_moves(enum: str) -> dict[str, set[str]]:
    """The values of an enum in the schema, in order, each with the values its comment says it may become."""
    body = re.search(rf"CREATE TYPE {enum} AS ENUM \((.*?)\n\);", SCHEMA, re.DOTALL)
    assert body is not None
    lines = re.findall(r"^\s+'(\w+)',?\s+--(.*)$", body.group(1), re.MULTILINE)
    names = [name for name, _ in lines]
    drawn = {}
    for name, comment in lines:
        arrows = comment.partition("→")[2] if "→" in comment else ""
        arrows = re.sub(r"\([^)]*\)", "", " ".join([arrows, *re.findall(r"→ (\w+)", comment)]))
        drawn[name] = {other for other in names if re.search(rf"\b{other}\b", arrows)}
    return drawn


def follow(view: CallView, kind: EventKind, carrier_call_id: str = "sim_1") -> CallView:
    """The call after the event, as settling does it: the carrier's id is learned with the first move."""
    result = transition(view, kind, carrier_call_id)
    if isinstance(result, CallState):
        ended = Disposition.BUSY if result is CallState.ENDED else None
        return replace(view, state=result, carrier_call_id=carrier_call_id, disposition=ended)
    return view


@given(
    st.sampled_from(LIVES).flatmap(lambda life: st.permutations(life * 2)),
    st.sampled_from([CallState.DIALING, CallState.UNKNOWN, CallState.PLACED]),
)
def test_any_shuffle_and_duplication_of_a_calls_events_ends_it_in_the_same_state(
    events: list[EventKind], state: CallState
) -> None:
    view = CallView(state)
    for kind in events:
        before = view
        view = follow(view, kind)
        assert CALL_ORDER[view.state] >= CALL_ORDER[before.state], "a call only moves forward"
    assert (view.state, view.disposition) == (CallState.ENDED, Disposition.BUSY)


@given(st.lists(st.sampled_from(list(EventKind)), max_size=12), st.sampled_from(LIVE))
def test_every_move_an_event_makes_is_a_legal_one(events: list[EventKind], state: CallState) -> None:
    view = CallView(state)
    for kind in events:
        after = follow(view, kind)
        if after.state is not view.state:
            assert after.state in CALL_MOVES[view.state]
        view = after


@given(st.lists(st.sampled_from(list(EventKind)), max_size=12), st.sampled_from(list(Disposition)))
def test_a_call_that_has_ended_absorbs_everything(events: list[EventKind], disposition: Disposition) -> None:
    view = CallView(CallState.ENDED, "sim_1", disposition)
    for kind in events:
        assert not isinstance(transition(view, kind, "sim_1"), CallState)


@pytest.mark.parametrize("kind", [EventKind.QUEUED, EventKind.RINGING, EventKind.ANSWERED])
@pytest.mark.parametrize("disposition", list(Disposition))
def test_only_the_dialers_own_ends_can_be_proved_wrong(kind: EventKind, disposition: Disposition) -> None:
    ours = disposition in (Disposition.LOST, Disposition.NOT_SENT)
    expected = Ignored.LATE_EVIDENCE if ours else Ignored.CALL_ENDED
    assert transition(CallView(CallState.ENDED, None, disposition, rang=True), kind, "sim_1") is expected


@pytest.mark.parametrize("kind", list(EventKind))
def test_a_cancelled_call_may_be_found_to_have_rung(kind: EventKind) -> None:
    """Only then does it count, and callbacks come in any order."""
    found = transition(CallView(CallState.ENDED, "sim_1", Disposition.CANCELED), kind, "sim_1")
    assert (found is EventOutcome.RANG) is (kind in (EventKind.RINGING, EventKind.ANSWERED))
    known = CallView(CallState.ENDED, "sim_1", Disposition.CANCELED, rang=True)
    assert transition(known, kind, "sim_1") is not EventOutcome.RANG


@pytest.mark.parametrize("kind", list(EventKind))
def test_no_news_moves_a_call_that_was_never_sent(kind: EventKind) -> None:
    assert transition(CallView(CallState.RESERVED), kind, "sim_1") is Ignored.NEVER_SENT


@pytest.mark.parametrize("state", [state for state in CallState if state is not CallState.RESERVED])
@pytest.mark.parametrize("kind", list(EventKind))
def test_news_of_another_carrier_call_is_an_orphan_and_moves_nothing(state: CallState, kind: EventKind) -> None:
    assert transition(CallView(state, "sim_1"), kind, "sim_2") is Ignored.ORPHAN


@pytest.mark.parametrize("state", [state for state in CallState if state is not CallState.RESERVED])
def test_a_verdict_moves_no_call(state: CallState) -> None:
    assert (
        transition(CallView(state, "sim_1", Disposition.ANSWERED), EventKind.MACHINE, "sim_1") is EventOutcome.ANNOTATED
    )


def test_what_is_known_is_what_carriers_report() -> None:
    assert {kind.value for kind in EventKind} == {kind.value for kind in EventKind}


@pytest.mark.parametrize(
    ("enum", "python"),
    [
        ("campaign_status", CampaignStatus),
        ("contact_status", ContactStatus),
        ("run_state", RunState),
        ("call_state", CallState),
    ],
)
def test_the_enums_stand_in_the_same_order_here_and_in_the_schema(enum: str, python: type[Enum]) -> None:
    assert list(drawn_moves(enum)) == [member.value for member in python]


def test_the_dispositions_are_those_of_the_schema() -> None:
    body = re.search(r"CREATE TYPE disposition AS ENUM \((.*?)\);", SCHEMA, re.DOTALL)
    assert body is not None
    assert re.findall(r"'(\w+)'", body.group(1)) == [disposition.value for disposition in Disposition]


def test_a_calls_moves_are_those_drawn_in_the_schema_and_lead_forward() -> None:
    assert drawn_moves("call_state") == {s.value: {t.value for t in targets} for s, targets in CALL_MOVES.items()}
    assert list(CALL_MOVES) == list(CallState)
    for state, targets in CALL_MOVES.items():
        assert all(CALL_ORDER[target] > CALL_ORDER[state] for target in targets)


def test_a_campaigns_moves_are_those_drawn_in_the_schema() -> None:
    moves: dict[Any, set[Any]] = {status.value: set() for status in CampaignStatus}
    for sources, target in CAMPAIGN_MOVES.values():
        for source in sources:
            moves[source.value] |= {target.value} - {source.value}
    assert drawn_moves("campaign_status") == moves


@pytest.mark.parametrize(("enum", "moves"), [("contact_status", CONTACT_MOVES), ("run_state", RUN_MOVES)])
def test_what_the_schema_draws_for_contacts_and_runs_is_legal_here(enum: str, moves: dict[Any, set[Any]]) -> None:
    for source, targets in drawn_moves(enum).items():
        assert targets <= {target.value for target in moves[source]}, source


def test_cancelled_is_final_and_nothing_but_a_run_leaves_completed() -> None:
    leaving = {s: {v for v, (sources, _) in CAMPAIGN_MOVES.items() if s in sources} for s in CampaignStatus}
    assert leaving[CampaignStatus.CANCELLED] == set()
    assert leaving[CampaignStatus.COMPLETED] == {Verb.RUN}


ASKED_FOR = [verb for verb in Verb if verb not in (Verb.START, Verb.COMPLETE)]
REFUSED = [
    (verb, status)
    for verb in ASKED_FOR
    for status in CampaignStatus
    if status not in CAMPAIGN_MOVES[verb][0] and STOPS.get(verb) is not status
]


def test_a_stop_that_is_already_so_leads_where_its_verb_leads() -> None:
    assert STOPS == {Verb.PAUSE: CampaignStatus.PAUSED, Verb.CANCEL: CampaignStatus.CANCELLED}
    assert all(CAMPAIGN_MOVES[verb][1] is status for verb, status in STOPS.items())


@pytest.mark.parametrize(("verb", "status"), REFUSED)
def test_a_persons_verb_is_refused_by_both_states_and_the_reason(verb: Verb, status: CampaignStatus) -> None:
    target = CAMPAIGN_MOVES[verb][1]
    begins = f"Campaign camp_1 is {status.value} and cannot become {target.value}: "
    sentence = refusal(verb, "camp_1", status)
    assert sentence.startswith(begins)
    why = sentence.removeprefix(begins)
    assert why.endswith(".")
    assert "possible from" not in why, "the reason is in a person's words"
    assert f"by {verb}" not in sentence


def test_not_running_is_said_of_every_pause_of_what_does_not_run() -> None:
    for status in (CampaignStatus.DRAFT, CampaignStatus.SCHEDULED, CampaignStatus.COMPLETED, CampaignStatus.CANCELLED):
        assert "it is not running" in refusal(Verb.PAUSE, "camp_1", status)
    assert "it is not running; run it first" in refusal(Verb.PAUSE, "camp_1", CampaignStatus.DRAFT)
