"""The errors of the product, by who must act.

::

    DialerError
    ├── Refused            the caller requested something that cannot be   (HTTP 4xx, exit code 2)
    │   ├── Invalid        a value is wrong; every fault is listed by path (400)
    │   ├── NotFound       no such thing in this team                      (404, exit code 3)
    │   └── Conflict       not in this state                               (409)
    ├── TooOften           the caller is to wait                           (429)
    ├── Unavailable        a service is away; the same request may work later (503, exit code 4)
    └── Broken             an invariant is violated: ours to repair, loud    (500, exit code 1)

Expected outcomes (busy, a lost race, no free slot) are values, never errors. A message is one sentence:
what is wrong and what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


class DialerError(Exception):
    """Root of the tree; ``str(error)`` is the sentence for the one who must act."""

    exit_code = 1


class Refused(DialerError):
    """The caller must change the request; the same request will be refused again."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with one value: ``path`` as the caller wrote it (``callWindowStart``), and why."""

    path: str
    message: str


class Invalid(Refused):
    """One or more values are wrong; ``faults`` lists all of them at once."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(" ".join(f"{fault.path}: {fault.message}" for fault in self.faults))


class NotFound(Refused):
    """The thing does not exist for this team; another team's thing reads the same."""

    exit_code = 3

    def __init__(self, what: str, *ids: str, remedy: str = "check the id and the team") -> None:
        self.what, self.ids = what, ids
        super().__init__(f"No {what} with id {', '.join(ids)}; {remedy}.")


def every(checks: Iterable[Callable[[], T]]) -> list[T]:
    """What each of the checks returns. Raises :class:`Invalid` with the faults of all of them."""
    found: list[T] = []
    faults: list[Fault] = []
    for check in checks:
        try:
            found.append(check())
        except Invalid as error:
            faults.extend(error.faults)
    if faults:
        raise Invalid(faults)
    return found


class Conflict(Refused):
    """The thing exists, but not in a state that allows this. ``code`` is the word for programs, where there is one for
    just this."""

    code: str | None = None


class Deleted(Conflict):
    """The campaign was put away; what is requested needs it back."""

    def __init__(self, campaign_id: str) -> None:
        super().__init__(f"Campaign {campaign_id} is deleted; restore it first.")


class PurposeRequired(Conflict):
    """The campaign does not say what its calls are for, and must."""

    code = "purpose_required"

    def __init__(self, campaign_id: str, who: str) -> None:
        super().__init__(
            f"Campaign {campaign_id} has no purpose, and {who} requires one. Say what its calls are for, such as "
            "purpose: telemarketing (dialer policy list shows the words); then the rules of its callees' places bind."
        )


class TooOften(DialerError):
    """It is allowed so many times an hour, and was done as often; in ``wait_seconds`` it may be done again."""

    exit_code = 2

    def __init__(self, message: str, wait_seconds: float) -> None:
        self.wait_seconds = wait_seconds
        super().__init__(message)


class Unavailable(DialerError):
    """A service is away; nothing was half done; the same request may work later."""

    exit_code = 4


class Broken(DialerError):
    """An invariant is violated; never expected, never swallowed."""
