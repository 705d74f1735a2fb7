"""The table of crashes in :mod:`worker.flow` names every place where a test kills a process."""

from __future__ import annotations

import re

from worker import flow
from worker.crashpoint import POINTS


def test_every_crash_point_stands_in_the_table() -> None:
    assert flow.__doc__ is not None
    named = re.findall(r"^([a-z_]+\.[a-z_]+)  ", flow.__doc__, re.MULTILINE)
    assert sorted(named) == sorted(POINTS)
