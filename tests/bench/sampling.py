"""What a worker's processor time goes into: its threads' stacks, looked at each few milliseconds.

A stack counts for what its thread has computed since the last look, not for how long it stood there, so that threads
that wait count nothing. The looker needs the interpreter like everybody, and gets it where others let go of it: what is
said of single lines is not to be trusted, and nothing here speaks of lines.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import defaultdict
from types import CodeType, FrameType

EVERY_SECONDS = 0.005
_CLOCK_OF_A_THREAD = 6
"""The lowest bits of the number that Linux gives the processor clock of a thread; the rest is its id, inverted."""
SWITCH_SECONDS = 0.0005
"""The interpreter's interval while stacks are sampled; at its usual 5 ms the looker comes too late to most."""
TOP = 20

Samples = dict[str, dict[str, float]]
"""``self`` and ``with callees``: seconds of processor time by function."""


class Sampler:
    """Looks at all threads of this process but its own, from now on. Linux only: elsewhere no thread's clock can be
    read, and every look counts the same."""

    def __init__(self) -> None:
        self._own: defaultdict[str, float] = defaultdict(float)
        self._cumulative: defaultdict[str, float] = defaultdict(float)
        self._names: dict[CodeType, str] = {}
        self._computed: dict[int, float] = {}
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
        own = threading.get_ident()
        while not self._over.wait(EVERY_SECONDS):
            native_ids = {thread.ident: thread.native_id for thread in threading.enumerate()}
            frames = sys._current_frames()
            with self._lock:
                for ident, frame in frames.items():
                    if ident != own and (seconds := self._since_last(native_ids.get(ident))) > 0:
                        self._count(frame, seconds)
            del frames

    def _count(self, frame: FrameType | None, seconds: float) -> None:
        stack = []
        while frame is not None:
            stack.append(self._name(frame.f_code))
            frame = frame.f_back
        self._own[stack[0]] += seconds
        for name in set(stack):
            self._cumulative[name] += seconds

    def _since_last(self, native_id: int | None) -> float:
        """What the thread has computed since the last look; of one that is new or gone, nothing."""
        if native_id is None:
            return 0.0
        if sys.platform != "linux":
            return EVERY_SECONDS
        try:
            now = time.clock_gettime(~native_id << 3 | _CLOCK_OF_A_THREAD)
        except OSError:  # it has ended
            self._computed.pop(native_id, None)
            return 0.0
        before, self._computed[native_id] = self._computed.get(native_id, now), now
        return now - before

    def _name(self, code: CodeType) -> str:
        name = self._names.get(code)
        if name is None:
            name = self._names[code] = f"{_module(code.co_filename)}:{code.co_qualname}"
        return name


def _module(path: str) -> str:
    """A file's path without what stands before the package."""
    for root in sorted(sys.path, key=len, reverse=True):
        if root and path.startswith(root):
            path = path[len(root) :]
            break
    return path.strip("/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def top(samples: Samples, count: int = TOP) -> list[str]:
    """The functions that computed most by themselves, each with its share of all by itself and with what it called."""
    own, cumulative = samples.get("self", {}), samples.get("with callees", {})
    whole = sum(own.values())
    return [
        f"{'self':>7} {'with callees':>13}  of {whole:.1f} s computed",
        *(
            f"{100 * own[name] / whole:6.1f}% {100 * cumulative[name] / whole:12.1f}%  {name}"
            for name in sorted(own, key=lambda n: -own[n])[:count]
        ),
    ]
