"""Who takes aim meets a thread that has calls in hand, and it goes on when it is let."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.chaos import halting
from tests.chaos.aiming import Marksman
from tests.chaos.operators import Operators
from tests.chaos.plan import draw_workload
from tests.patience import PATIENCE_SECONDS

CALL: Mapping[str, str] = {**dict.fromkeys(halting.IN_HAND, "…"), "id": "call_1", "team_id": "team_one"}


def marksman(directory: Path, over: threading.Event) -> Marksman:
    operators = SimpleNamespace(workload=draw_workload(1, 20), over=over, ids={})
    return Marksman(cast(Operators, cast(Any, operators)), directory)


def test_a_thread_that_has_a_call_of_the_team__and_waits_to_be_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(halting, "LONGEST_SECONDS", PATIENCE_SECONDS)
    over = threading.Event()
    aims = marksman(tmp_path, over)
    met = threading.Event()

    def dial() -> None:
        while not met.is_set():
            halting._stand_still(tmp_path, [{**CALL, "id": "call_2", "team_id": "team_two"}])
            halting._stand_still(tmp_path, [CALL])

    dialing = threading.Thread(target=dial)
    dialing.start()
    with aims._held("team_one") as (calls, let_go):
        met.set()
        assert calls == [CALL]
        assert halting._held(tmp_path) == {"call_1"}, "nobody else is to dial it meanwhile"
        assert dialing.is_alive()
        let_go.set()
        dialing.join(PATIENCE_SECONDS)
        assert not dialing.is_alive()
    assert halting._held(tmp_path) == set()
    assert not list(tmp_path.glob("*.slow")), "and who would release it goes on, too"


def test_where_nobody_comes_nobody_is_met_and_who_comes_later_goes_by(tmp_path: Path) -> None:
    over = threading.Event()
    over.set()  # nobody waits any more
    with marksman(tmp_path, over)._held("team_one") as (calls, _):
        assert calls == []
    halting._stand_still(tmp_path, [CALL])
    assert not list(tmp_path.glob("*.held"))


def test_what_is_held_is_written_whole(tmp_path: Path) -> None:
    (tmp_path / "7.request").write_text("team_one")
    (tmp_path / "7.go").touch()
    halting._stand_still(tmp_path, [CALL])
    assert json.loads((tmp_path / "7.held").read_text()) == [CALL]
