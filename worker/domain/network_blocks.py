"""Whether many callees declined, or a network blocks the caller ID and passes on no more than a 603.

Analytics of networks in the US answer a call with SIP 603+ (ATIS-1000099, 47 CFR 64.1200(k)(9)): a 603 whose phrase is
*Network Blocked*. A carrier that passes the phrase on says so by itself, and one that answers at once is known by that
(:func:`worker.domain.retry.is_network_block`). Where neither is so, a 603 looks like that of a callee who declines. One
callee may; of many different ones hardly every second does. So a caller ID is taken for blocked where, of its newest
:data:`CALLS` that were answered or ended, and were begun within :data:`SECONDS`, :data:`LEAST` or more and at least
half ended in 603, and those went to :data:`LEAST` different callees or more.
"""

from __future__ import annotations

from collections.abc import Iterable

CALLS = 20
SECONDS = 3600.0
LEAST = 5

DECLINED = "sip 603"
"""The cause of a call that ended in a 603, and that counts as declined by the callee."""
NETWORK_BLOCKED = "sip 603+"
"""The cause of one that is taken for blocked by a network."""
WHY_IT_RESTS = "blocked by the network's analytics"
"""Why such a caller ID rests, for people."""


def is_blocked(ends: Iterable[tuple[str, bool]]) -> bool:
    """Whether a caller ID is taken for blocked, by its newest calls, :data:`CALLS` at most: of each the callee, and
    whether it ended in 603."""
    known = list(ends)
    declining = [callee for callee, declined in known if declined]
    return len(set(declining)) >= LEAST and 2 * len(declining) >= len(known)
