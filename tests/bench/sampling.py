"""What a worker's processor time goes into: its threads' stacks, looked at each few milliseconds.

A look is two: the threads' processor clocks are read, the interpreter is let go of for a moment, and they are read
again, with the stacks. A stack counts for what its thread computed in that moment: threads that wait count nothing, and
none counts where it waits for what it computed before.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import defaultdict
from contextlib import suppress
from types import CodeType, FrameType

EVERY_SECONDS = 0.005
_CLOCK_OF_A_THREAD = 6
"""The lowest bits of the number that Linux gives the processor clock of a thread; the rest is its id, inverted."""
MOMENT_SECONDS, SWITCH_SECONDS = 0.00005, 0.00005
"""How long the moment is, and the interpreter's interval after which we get our turn again. With its usual 5 ms we
would get it where others wait for a server, and never see them compute."""
TOP = 20

Samples = dict[str, dict[str, float]]
"""``self`` and ``with callees``: seconds of processor time by function."""


class Sampler:
    """Looks at all threads of this process but its own, from now on. On Linux: elsewhere a thread's clock has no
    number."""

    def __init__(self) -> None:
        self._own: defaultdict[str, float] = defaultdict(float)
        self._cumulative: defaultdict[str, float] = defaultdict(float)
        self._names: dict[CodeType, str] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        sys.setswitchinterval(SWITCH_SECONDS)
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
        self._thread.start()

    def take(self) -> Samples:
        """What was computed since the last time, by function."""
        with self._lock:
            taken = {"self": dict(self._own), "with callees": dict(self._cumulative)}
            self._own.clear()
            self._cumulative.clear()
        return taken

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        with suppress(OSError, AttributeError):  # without, looks come late on a busy machine, when all wait
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        own = threading.get_ident()
        while not self._over.wait(EVERY_SECONDS):
            native_ids = {it.ident: it.native_id for it in threading.enumerate() if it.ident != own}
            before = {ident: _computed(native_id) for ident, native_id in native_ids.items()}
            time.sleep(MOMENT_SECONDS)
            frames = sys._current_frames()
            with self._lock:
                for ident, since in before.items():
                    if ident in frames and (seconds := _computed(native_ids[ident]) - since) > 0:
                        self._count(frames[ident], seconds)
            del frames

    def _count(self, frame: FrameType | None, seconds: float) -> None:
        stack = []
        while frame is not None:
            stack.append(self._name(frame.f_code))
            frame = frame.f_back
        self._own[stack[0]] += seconds
        for name in set(stack):
            self._cumulative[name] += seconds

    def _name(self, code: CodeType) -> str:
        name = self._names.get(code)
        if name is None:
            name = self._names[code] = f"{_module(code.co_filename)}:{code.co_qualname}"
        return name


def _computed(native_id: int | None) -> float:
    """The processor time of a thread; 0 of one that has ended."""
    try:
        return time.clock_gettime(~(native_id or 0) << 3 | _CLOCK_OF_A_THREAD)
    except OSError:
        return 0.0


def _module(path: str) -> str:
    """A file's path without what stands before the package."""
    for root in sorted(sys.path, key=len, reverse=True):
        if root and path.startswith(root):
            path = path[len(root) :]
            break
    return path.strip("/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def top(samples: Samples, count: int = TOP) -> list[str]:
    """The functions that computed most by themselves, then those of the product that did with what they called; each
    with its shares of all that the worker computed."""
    own, cumulative = samples.get("self", {}), samples.get("with callees", {})
    whole = sum(own.values()) or 1.0

    def line(name: str) -> str:
        return f"{100 * own.get(name, 0.0) / whole:6.1f}% {100 * cumulative[name] / whole:12.1f}%  {name}"

    product = [name for name in cumulative if name.startswith("worker.")]
    return [
        f"{'self':>7} {'with callees':>13}  of what the worker computed",
        *map(line, sorted(own, key=lambda n: -own[n])[:count]),
        "the product's, with callees:",
        *map(line, sorted(product, key=lambda n: -cumulative[n])[:count]),
    ]
