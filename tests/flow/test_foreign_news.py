"""News that was signed by another carrier's key than the call's, or is of another account there, changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.flow.test_settle import DARK, SILENT, event, on_the_way, outcomes
from tests.world import World
from worker.carriers.base import CallEvent, Verdict
from worker.cli.findings_carriers import ignored_news
from worker.domain.model import Disposition, EventKind
from worker.flow import record, settle
from worker.flow.base import Settle
from worker.store import events

NEWS: dict[str, tuple[EventKind, dict[str, object]]] = {
    "queued": (EventKind.QUEUED, {}),
    "ringing": (EventKind.RINGING, {}),
    "answered": (EventKind.ANSWERED, {}),
    "machine": (EventKind.MACHINE, {"verdict": Verdict.MACHINE}),
    "fax": (EventKind.MACHINE, {"verdict": Verdict.FAX}),
    **{str(d): (EventKind.ENDED, {"disposition": d}) for d in Disposition if d is not Disposition.NOT_SENT},
    "unwanted": (EventKind.ENDED, {"disposition": Disposition.REJECTED, "sip_code": 607}),
    "flagged": (EventKind.ENDED, {"disposition": Disposition.REJECTED, "sip_code": 608}),
}
EVERYTHING = """
SELECT 'call', to_jsonb(k) FROM calls k UNION ALL SELECT 'contact', to_jsonb(c) FROM campaign_contacts c
UNION ALL SELECT 'run', to_jsonb(r) FROM runs r UNION ALL SELECT 'account', to_jsonb(a) FROM carrier_accounts a
UNION ALL SELECT 'number', to_jsonb(n) FROM phone_numbers n UNION ALL SELECT 'banned', to_jsonb(d) FROM do_not_call d
UNION ALL SELECT 'campaign', to_jsonb(c) FROM campaigns c ORDER BY 1, 2
"""


def reserved(world: World) -> str:
    campaign = world.campaign(world.contacts(1))
    world.reserve(campaign)
    return campaign


def reported(*kinds: EventKind, **more: Any) -> Callable[[World], str]:
    """A call of which its own carrier has reported this."""

    def begin(world: World) -> str:
        campaign = on_the_way(world)
        world.report([event(world.call(campaign), kind, **more) for kind in kinds])
        return campaign

    return begin


def closed(world: World) -> str:
    """A call that the dialer gave up at its provable end, of which its carrier may yet say that it lives."""
    campaign = on_the_way(world, DARK)
    world.sql("UPDATE calls SET next_check_at = clock_timestamp(), provable_end_at = clock_timestamp()")
    world.stage.can_find = False
    world.tick()
    assert world.call(campaign).disposition == "lost"
    return campaign


def canceled(world: World) -> str:
    """A call whose attempt would count again if it were reported that it rang."""
    campaign = on_the_way(world)
    world.pause(campaign)
    world.report([event(world.call(campaign), EventKind.ENDED, disposition=Disposition.CANCELED)])
    return campaign


STATES: dict[str, Callable[[World], str]] = {
    "reserved": reserved,
    "unknown": lambda world: on_the_way(world, DARK),
    "placed": on_the_way,
    "ringing": reported(EventKind.RINGING),
    "talking": reported(EventKind.RINGING, EventKind.ANSWERED),
    "closed by us": closed,
    "canceled": canceled,
    "over": reported(EventKind.ENDED),
}


def forged(call: Any) -> list[CallEvent]:
    """All that can be reported of a call, under its own id and under another, and under the names of true news."""
    own = call.carrier_call_id or "sim_0"
    return [
        replace(event(call, kind, call_id, **more), event_id=f"{call_id} {name}")
        for call_id in (own, "CA-another")
        for name, (kind, more) in NEWS.items()
    ]


def by_another_carrier(world: World, news: Sequence[CallEvent]) -> None:
    world.carry_out(record.record(world.dialer, "twilio", news))


def of_another_account(world: World, news: Sequence[CallEvent]) -> None:
    world.carry_out(record.record(world.dialer, "simulator", [replace(e, other_account="AC-sub") for e in news]))


def kept_by_an_older_process(world: World, news: Sequence[CallEvent]) -> None:
    """It asks nobody whose call it is; the event waits like any other."""
    for e in news:
        world.sql(
            """INSERT INTO call_events (carrier, token, event_id, carrier_call_id, kind, disposition, sip_code, verdict)
               VALUES ('telnyx', :token, :event_id, :call, :kind, CAST(:end AS disposition), :sip, :verdict)""",
            token=e.token,
            event_id=f"{e.event_id} of telnyx",
            call=e.carrier_call_id,
            kind=e.kind,
            end=e.disposition,
            sip=e.sip_code,
            verdict=e.verdict,
        )
    world.do(Settle())


@pytest.mark.parametrize("comes", [by_another_carrier, of_another_account, kept_by_an_older_process])
@pytest.mark.parametrize("state", STATES)
def test_foreign_news_of_a_call_in_any_state_moves_nothing_and_keeps_out_no_true_news(
    world: World, state: str, comes: Callable[[World, Sequence[CallEvent]], None]
) -> None:
    campaign = STATES[state](world)
    call, before, known = world.call(campaign), world.sql(EVERYTHING), outcomes(world)
    slots, asked = world.dialer.slots.members(), list(world.stage.end_requests)
    news = forged(call)
    for _ in range(2):
        comes(world, news) if comes is not kept_by_an_older_process or _ == 0 else world.do(Settle())
    assert world.sql(EVERYTHING) == before
    assert (world.dialer.slots.members(), world.stage.end_requests) == (slots, asked)
    named = [outcome for name, outcome in outcomes(world).items() if name not in known]
    assert named == ["foreign"] * len(news)
    (found,) = ignored_news(world.dialer)
    assert (found.ok, found.found.startswith(f"{len(news)}, the first ")) == (False, True)
    if call.ended_at is None and state != "reserved":
        own = call.carrier_call_id or "sim_0"
        world.report([replace(event(call, EventKind.ENDED, own), event_id=f"{own} busy")])
        assert world.call(campaign).disposition == "busy", "the true end has the name of a forged one"
    if state == "reserved":
        world.pause(campaign)


def test_a_forged_end_does_not_hide_that_a_call_the_dialer_closed_is_alive(world: World) -> None:
    """Closed by us, alive by its carrier's word: its contact waits until that call's own end is reported."""
    campaign = closed(world)
    call = world.call(campaign)
    world.report([event(call, EventKind.RINGING)])
    assert world.call(campaign).late_evidence_at is not None
    by_another_carrier(world, [event(call, EventKind.ENDED)])
    world.report([event(call, EventKind.ENDED, "sim_9")])
    world.advance(2 * 3600)
    assert len(world.calls(campaign)) == 1, "nobody is rung who may be on the phone"
    world.report([event(call, EventKind.ENDED)])
    world.advance(60)
    assert len(world.calls(campaign)) == 2
    world.finish_all()


def test_news_of_another_account_under_a_token_of_no_call_hangs_up_nothing(world: World) -> None:
    news = CallEvent("f" * 32, "x", "CA1", EventKind.ANSWERED, other_account="AC-sub")
    assert record.record(world.dialer, "simulator", [news]) == []
    assert settle.settle(world.dialer) == []
    assert (world.stage.end_requests, outcomes(world)) == ([], {"foreign simulator x": "foreign"})


def test_more_events_of_a_call_than_a_life_can_have_are_not_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor do those of another's key use up the room of its own."""
    monkeypatch.setattr(events, "MOST_PER_CALL", 5)
    campaign = on_the_way(world, SILENT)
    call = world.call(campaign)
    many = [replace(event(call, EventKind.RINGING), event_id=f"n{n}") for n in range(20)]
    for one in many:
        by_another_carrier(world, [one])
    for one in many[:4]:
        world.report([one])
    world.report([event(call, EventKind.ENDED)])
    for one in many[4:]:
        world.report([one])
    assert world.call(campaign).disposition == "busy"
    kept = world.sql("SELECT outcome = 'foreign' AS foreign, count(*) FROM call_events GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in kept] == [(False, 5), (True, 5)]
