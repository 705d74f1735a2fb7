"""What a call is, and what a protocol must be able to say about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from worker.carriers.simulated.protocol import MACHINES, AnsweredBy, Happening, Status
from worker.simulator.courier import Outbox, Post
from worker.simulator.lives import Life, Step


class CarrierProtocol(Protocol):
    """How a carrier looks from outside: what its calls are called, and what is posted about them. What happens to
    the calls is no matter of the protocol."""

    name: str
    queues: bool
    """Whether a request beyond the calls per second is queued; else it is refused with :attr:`too_fast`."""
    posts_initiated: bool
    too_fast: str

    def new_id(self) -> str: ...

    def news(self, call: Call, happening: Happening) -> Sequence[Post]:
        """The callbacks that say this, as of now; none where the carrier has no word for it."""

    def at_answer(self, call: Call) -> Post | Connected | None:
        """What follows when the callee answers: the dialer is asked what to do, or has said so in its request."""

    def instructed(self, status: int | None, answer: bytes) -> Connected | None:
        """What the dialer's answer says to do; ``None`` ends the call."""


@dataclass(frozen=True, slots=True)
class Connected:
    """Who speaks to the callee: an address or an id, and the parameters it gets."""

    to: str
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """What a request to place a call asks for. ``details`` is what the protocol wants to remember of it, and
    ``reports`` says of whom the carrier reports that they answered."""

    from_number: str
    to_number: str
    token: str
    callback_url: str
    ring_seconds: float
    longest_call_seconds: float
    account: str
    protocol: CarrierProtocol
    details: Mapping[str, Any] = field(default_factory=dict)
    reports: frozenset[AnsweredBy] = MACHINES


@dataclass(slots=True)
class Call:
    """One call. ``steps`` is what is still to happen to it, counted from ``begun_at`` (monotonic); an ended
    call has none left but a late verdict. ``held`` are callbacks kept back to be posted in reverse, ``posted`` how
    many things were posted of it. The other instants are epoch seconds."""

    id: str
    request: Request
    life: Life
    attempt: int
    extra: bool
    outbox: Outbox
    placed_at: float
    begun_at: float = 0.0
    answered_at: float | None = None
    ended_at: float | None = None
    status: Status = Status.QUEUED
    answered_by: AnsweredBy | None = None
    sip_code: int | None = None
    sip_reason: str | None = None
    steps: tuple[Step, ...] = ()
    held: list[Post] = field(default_factory=list)
    posted: int = 0


View = Callable[[Call], dict[str, object]]
