"""A mapping that is made when somebody first looks into it.

Most commands of operators place no call. What carriers need (an HTTP client, TLS, signatures) takes a tenth of a second
to import and to make, and is made for who asks a carrier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from threading import Lock
from typing import TypeVar

V = TypeVar("V")


class AtFirstUse(Mapping[str, V]):
    """What ``make`` returns, which is called once. Safe to share between threads."""

    def __init__(self, make: Callable[[], Mapping[str, V]]) -> None:
        self._make = make
        self._lock = Lock()
        self._made: Mapping[str, V] | None = None

    def _all(self) -> Mapping[str, V]:
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made

    def __getitem__(self, name: str) -> V:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())
