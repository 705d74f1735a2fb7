"""P9: a hundred dials handed to the workers, against the loop that hands on one by one.

``python -m tests.bench.publishing``, in the environment of a deployment, is the process that is measured; nobody
takes its messages.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from statistics import median
from time import perf_counter

from tests.bench.bare import bare
from tests.bench.deployment import REPOSITORY
from tests.bench.effort import Effort
from tests.bench.report import Figure, say
from worker.dev.stack import Stack
from worker.flow.base import dial_steps
from worker.process import dispatch, tasks, wiring

DIALS = 100
REPEATS = 20


def measure(stack: Stack, effort: Effort) -> list[Figure]:
    with bare(stack, "bench_publish") as there:
        argv = [sys.executable, "-m", "tests.bench.publishing", str(effort.rounds)]
        environment = {**os.environ, **there.environment}
        done = subprocess.run(argv, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    for n, (ours, loop) in enumerate(made):
        say(f"P9 round {n + 1}: {ours:,.0f} dials/s, one by one {loop:,.0f}")
    return [
        Figure("P9", f"P9 {DIALS} dials handed on", median(a for a, _ in made), median(b for _, b in made), "dials/s",
             reference="one by one", ratio=median(a / b for a, b in made), at_least=8.0,
             rounds=[a / b for a, b in made])
    ]  # fmt: skip


def ours(call_ids: list[str]) -> None:
    """As the product does it: ids by the batch, messages by the pipeline."""
    dispatch.send(dial_steps([("acct_bench", call_id) for call_id in call_ids], wiring.dialer().bounds.dial_batch))


def loop(call_ids: list[str]) -> None:
    """As it is usually done."""
    for call_id in call_ids:
        tasks.dial_calls.apply_async(([call_id],))


def main() -> None:
    call_ids = [f"call_{n:026d}" for n in range(DIALS)]
    ours(call_ids)
    loop(call_ids)
    made = []
    for _ in range(int(sys.argv[1])):
        seconds = []
        for publish in (ours, loop):
            began_at = perf_counter()
            for _ in range(REPEATS):
                publish(call_ids)
            seconds.append(perf_counter() - began_at)
        made.append([DIALS * REPEATS / took for took in seconds])
    print(json.dumps(made))


if __name__ == "__main__":
    main()
