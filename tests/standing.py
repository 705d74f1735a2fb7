"""Each kind of standstill, brought about in the rows of a world: what waits there has waited for 43 s."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from tests.world import World
from worker.carriers.base import CallEvent
from worker.domain.model import Disposition, EventKind
from worker.domain.standstill import Kind
from worker.flow import record
from worker.flow.base import Fill, Settle

ACCOUNT = "acct_team_a"
SECONDS = 43
AGO = timedelta(seconds=SECONDS)


def let_business_time_run(world: World) -> None:
    """As fast as the machine's, and for an hour now."""
    world.sql("SELECT dialer_set_clock(dialer_now(), 1)")
    world.sql("UPDATE clock SET real_at = real_at - interval '1 hour', business_at = business_at - interval '1 hour'")


def nobody_ticks(world: World) -> str:
    world.sql("UPDATE ticks SET last_at = clock_timestamp() - :ago", ago=AGO)
    return ""


def nobody_settles(world: World) -> str:
    world.run(world.campaign(world.contacts(1)))
    record.record(world.dialer, "simulator", [CallEvent(world.all_calls()[0].token, "x", "sim_0", EventKind.RINGING)])
    world.sql("UPDATE call_events SET received_at = received_at - :ago WHERE outcome IS NULL", ago=AGO)
    return ""


def nobody_fills(world: World) -> str:
    campaign = world.campaign(world.contacts(2), maxConcurrentCalls=1)
    world.run(campaign)
    make_room(world)
    return campaign


def make_room(world: World) -> None:
    """Room for a second call in every campaign, and nothing has happened since."""
    let_business_time_run(world)
    world.sql("UPDATE campaign_contacts SET due_at = due_at - :ago WHERE status = 'pending'", ago=AGO)
    world.sql("UPDATE runs SET opened_at = opened_at - :ago", ago=AGO)
    world.sql("UPDATE calls SET reserved_at = reserved_at - :ago", ago=AGO)
    world.sql(
        """UPDATE campaigns SET max_concurrent_calls = 2, filled_at = filled_at - :ago,
                                updated_at = updated_at - :ago""",
        ago=AGO,
    )


def nobody_places(world: World) -> str:
    world.reserve(world.campaign(world.contacts(2)))
    world.sql("UPDATE calls SET reserved_at = reserved_at - :ago", ago=AGO)
    return ACCOUNT


def a_request_hangs(world: World) -> str:
    world.reserve(world.campaign(world.contacts(1)))
    world.sql("UPDATE campaign_contacts SET attempts = 1, called = true")
    world.sql(
        """UPDATE calls SET state = 'dialing', attempt = 1, max_attempts = 3, called_before = false,
               dialing_at = clock_timestamp() - :ago, dialed_at = dialer_now(), valid_until = dialer_now() + :ago,
               provable_end_at = clock_timestamp() + interval '1 hour',
               next_check_at = clock_timestamp() + interval '1 hour'""",
        ago=AGO,
    )
    return ACCOUNT


def nobody_looks_up(world: World) -> str:
    world.run(world.campaign(world.contacts(1)))
    world.sql("UPDATE calls SET next_check_at = clock_timestamp() - :ago", ago=AGO)
    return ACCOUNT


def the_carrier_does_not_hang_up(world: World) -> str:
    campaign = world.campaign(world.contacts(1))
    world.stage.can_end = False
    world.run(campaign)
    world.cancel(campaign, hang_up=True)
    world.sql("UPDATE calls SET end_requested_at = end_requested_at - :ago", ago=AGO)
    return ACCOUNT


BROUGHT_ABOUT: Mapping[Kind, Callable[[World], str]] = {
    Kind.TICK: nobody_ticks,
    Kind.NEWS: nobody_settles,
    Kind.DUE: nobody_fills,
    Kind.PLACING: nobody_places,
    Kind.REQUESTS: a_request_hangs,
    Kind.LOOK_UPS: nobody_looks_up,
    Kind.HANG_UPS: the_carrier_does_not_hang_up,
}
"""How each comes about; what comes back is the id of the account or campaign that stands still."""


def move_on(world: World, kind: Kind) -> None:
    """Let the work be done that was not."""
    match kind:
        case Kind.NEWS:
            world.carry_out([Settle()])
        case Kind.DUE:
            world.carry_out([Fill(world.team, tuple(row.campaign_id for row in world.all_calls()))])
        case Kind.REQUESTS:
            (call,) = world.all_calls()
            world.report([CallEvent(call.token, "end", "sim_0", EventKind.ENDED, disposition=Disposition.BUSY)])
        case Kind.HANG_UPS:
            world.stage.can_end = True
            world.sql("UPDATE calls SET next_end_at = NULL")
            world.tick()
        case _:
            world.tick()
