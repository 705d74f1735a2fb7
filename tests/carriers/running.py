"""A simulator as a process of its own, for tests."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

from tests.patience import PATIENCE_SECONDS
from worker.carriers.base import CallRequest
from worker.carriers.simulated.adapter import SimulatorCarrier
from worker.simulator import ledger
from worker.simulator.ledger import RecordedCall

SECRET = "shared-secret"
_orders = count(1)


class RunningSimulator:
    """Started by the constructor, ready when it returns."""

    def __init__(
        self,
        folder: Path,
        script: Mapping[str, Any] | None = None,
        *options: str,
        speed: float = 20.0,
    ) -> None:
        self.ledger_path = folder / "ledger.jsonl"
        self.command = [sys.executable, "-m", "worker.simulator", "--secret", SECRET, *options]
        self.command += ["--ledger", str(self.ledger_path), "--speed", str(speed)]
        if script is not None:
            script_path = folder / "script.json"
            script_path.write_text(json.dumps(script))
            self.command += ["--script", str(script_path)]
        self._start()

    def _start(self) -> None:
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE_SECONDS)
        assert ready, "The simulator did not start."
        self.url = self.process.stdout.readline().rsplit(" ", 1)[1].strip()

    def restart(self) -> None:
        self._start()

    def kill(self) -> None:
        """End it as ``kill -9`` does."""
        self.process.kill()
        self.process.communicate(timeout=PATIENCE_SECONDS)

    def stop(self) -> int:
        """End it politely; its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode

    def ledger(self) -> ledger.Ledger:
        return ledger.read(self.ledger_path)

    def recorded(self, token: str) -> RecordedCall:
        """The one call that was placed under this token."""
        (call,) = [call for call in self.ledger().placed if call.token == token]
        return call

    def carrier(self, **options: Any) -> SimulatorCarrier:
        return SimulatorCarrier(self.url, SECRET, **options)

    def stats(self) -> dict[str, Any]:
        request = urllib.request.Request(f"{self.url}/v1/stats", headers={"Authorization": f"Bearer {SECRET}"})
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:
            return json.load(response)

    def wait_for_stats(self, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Ask until ``is_so``, at the pace the simulator answers."""
        deadline = monotonic() + PATIENCE_SECONDS
        while not is_so(stats := self.stats()):
            assert monotonic() < deadline, f"It never came to that: {stats}"
        return stats


def a_call_request(to_number: str, callbacks_to: Callable[[str], str], **changes: Any) -> CallRequest:
    """A request for a call, with a token of its own."""
    token = f"{next(_orders):032x}"
    values: dict[str, Any] = {
        "call_id": f"call_{token}",
        "token": token,
        "account_id": "account_1",
        "from_number": "+12025550000",
        "to_number": to_number,
        "ring_seconds": 30,
        "longest_call_seconds": 600,
        "callback_url": callbacks_to(token),
    }
    return CallRequest(**{**values, **changes})
