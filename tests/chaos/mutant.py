"""What a mutant is: a dialer without one of its protections, and what a trial must do for it to be needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Mutant:
    """``switch_off`` is called in a process that is about to become one of the dialer's, and changes what
    ``replaces`` names (module and attributes, dotted) and nothing else."""

    switch_off: Callable[[], None]
    replaces: tuple[str, ...]
    condemned_by: tuple[str, ...]
    """The judgements of which at least one must find it out, by name."""
    faults: Mapping[str, int] = field(default_factory=dict)
    """What to put more of into the nemesis' deck (:data:`tests.chaos.nemesis.DECK`)."""
    aims: Mapping[str, int] = field(default_factory=dict)
    """What to put more of into the deck of what operators aim (:data:`tests.chaos.aiming.ROUND`)."""
    unguard: tuple[str, ...] = ()
    """What of the protection lies in the database's own schema: statements that take it out."""
