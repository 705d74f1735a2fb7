"""Which caller ID a call shows: the campaign's numbers in turn, the one that rested longest first.

Two steps, because numbers are chosen before it is known whom they will call: :func:`pick` takes k numbers
that have room, then the claim finds at most k contacts, then :func:`assign` pairs them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallerId:
    """One number calls may be placed from.

    ``room`` is how many more calls it may hold at once; below zero after its limit was lowered under live
    calls, which reads as none. ``last_used`` orders numbers by when they were last picked (a time, a
    sequence; larger is later).
    """

    id: str
    account_id: str
    room: int
    last_used: float
    credentials: str | None = None

    @property
    def shared(self) -> list[str]:
        """What it shares its account's room with: the account, and credentials that other accounts have too."""
        return [self.account_id] if self.credentials is None else [self.account_id, self.credentials]


def pick(numbers: Sequence[CallerId], account_room: Mapping[str, int], count: int) -> list[str]:
    """The ids of the numbers for the next ``count`` calls, in the order of their turn.

    Round after round over all numbers, longest rested first, each taking one call while it and its carrier
    account have room: no number gets its second call while another with room has had none. Shorter than
    ``count`` when the room is. ``account_room`` must name the account of every number, and its credentials where
    they are shared.
    """
    left = dict(account_room)
    waiting = [(number, number.room) for number in sorted(numbers, key=lambda n: (n.last_used, n.id))]
    picked: list[str] = []
    while waiting and len(picked) < count:
        still = []
        for number, room in waiting:
            if len(picked) == count:
                break
            if room > 0 and all(left[scope] > 0 for scope in number.shared):
                picked.append(number.id)
                for scope in number.shared:
                    left[scope] -= 1
                still.append((number, room - 1))
        waiting = still
    return picked


def assign(picked: Sequence[str], former: Sequence[str | None]) -> list[str]:
    """A picked number for each contact, in the contacts' order.

    ``former`` holds, contact by contact, the number it was last called from, or ``None``: somebody who
    calls back, or recognises a number, should meet the same one. A contact gets its former number if it is
    among the picked ones; the others get what is left, in order. Picks nobody needs are left over.

    Raises ``ValueError`` for more contacts than picks.
    """
    if len(former) > len(picked):
        raise ValueError(f"{len(former)} contacts cannot share {len(picked)} picked numbers.")
    free = list(picked)
    kept: list[str | None] = []
    for number in former:
        if number is not None and number in free:
            free.remove(number)
            kept.append(number)
        else:
            kept.append(None)
    rest = iter(free)
    return [number if number is not None else next(rest) for number in kept]
