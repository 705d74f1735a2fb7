"""What befalls the carrier's API, for one of its accounts or for all: it hangs, it is slow, its hang-ups fail.

The calls themselves go on; see :mod:`worker.simulator.outages`.
"""

from __future__ import annotations

import contextlib
import json
import urllib.request
from collections.abc import Callable, Mapping
from functools import partial
from random import Random
from typing import Any

from tests.chaos.faults import LONGEST_ANSWER_SECONDS, Undoing
from tests.chaos.harness import Chaos

ACCOUNTS = ("acc_one", "acc_two")
ALL = None
HANGS_FOR_SECONDS = (2.0, 4.0)
FAILS_FOR_SECONDS = 10.0
SLOW_SECONDS = (0.15, 0.9)
"""At a trial's scale: a carrier that takes one to five seconds where sixteen are allowed."""
FAILURES: tuple[Mapping[str, Any], ...] = ({"status": 404}, {"status": 500}, {"status": 429}, {"hang_seconds": 60})

ONE_HANGS = "carrier: one account hangs"
ALL_HANG = "carrier: every account hangs"
HANG_UPS_FAIL = "carrier: hang-ups fail"


def begin(chaos: Chaos, account: str | None, **outage: Mapping[str, Any]) -> Callable[[], None]:
    """Let these requests of an account fare so; returns how that is ended."""
    _set_outage(chaos, {"account": account, **outage})
    return lambda: _set_outage(chaos, {"account": account, **dict.fromkeys(outage)})


def hang(account: str | None, chaos: Chaos, dice: Random) -> Undoing:
    """No request is answered; what is requested is done all the same, or is not."""
    hangs = {"hang_seconds": 60, "obeyed": dice.random() < 0.3}
    undo = begin(chaos, account, place=hangs, end=hangs, look_up=hangs)
    return dice.choice(HANGS_FOR_SECONDS), undo


def _one(befall: Callable[[str | None, Chaos, Random], Undoing], chaos: Chaos, dice: Random) -> Undoing:
    return befall(dice.choice(ACCOUNTS), chaos, dice)


def slow(account: str | None, chaos: Chaos, dice: Random) -> Undoing:
    takes = {"slow_seconds": round(dice.uniform(*SLOW_SECONDS), 2)}
    return FAILS_FOR_SECONDS, begin(chaos, account, place=takes, end=takes, look_up=takes)


def fail_to_end(chaos: Chaos, dice: Random) -> Undoing:
    """Calls that are hung up go on."""
    return FAILS_FOR_SECONDS, begin(chaos, dice.choice((*ACCOUNTS, ALL)), end=dice.choice(FAILURES))


def fail_to_look_up(chaos: Chaos, dice: Random) -> Undoing:
    return FAILS_FOR_SECONDS, begin(chaos, dice.choice((*ACCOUNTS, ALL)), look_up=dice.choice(FAILURES[1:]))


def _set_outage(chaos: Chaos, outage: Mapping[str, Any]) -> None:
    request = urllib.request.Request(
        f"{chaos.environment['SIMULATOR_URL']}/faults",
        json.dumps(outage).encode(),
        {"Authorization": f"Bearer {chaos.environment['SIMULATOR_SECRET']}"},
    )
    with contextlib.suppress(TimeoutError):  # the request arrived; it is short of processor time
        urllib.request.urlopen(request, timeout=10 * LONGEST_ANSWER_SECONDS).close()


FAULTS: Mapping[str, Callable[[Chaos, Random], Undoing]] = {
    ONE_HANGS: partial(_one, hang),
    ALL_HANG: partial(hang, ALL),
    "carrier: one account is slow": partial(_one, slow),
    "carrier: every account is slow": partial(slow, ALL),
    HANG_UPS_FAIL: fail_to_end,
    "carrier: look-ups fail": fail_to_look_up,
}
