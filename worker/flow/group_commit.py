"""One transaction for what several threads bring while another is under way.

A commit waits for the disk, and a statement costs about the same for one row as for ten. So who comes while nobody is
at it begins at once; those who come meanwhile are dealt with together, by the first of them. Nobody waits for company.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from worker.domain.errors import Unavailable

T = TypeVar("T")
R = TypeVar("R")


@dataclass(eq=False)
class _Waiting(Generic[T]):
    brought: T
    turn: threading.Event = field(default_factory=threading.Event)
    is_done: bool = False
    error: Exception | None = None
    is_alone: bool = False


class GroupCommit(Generic[T, R]):
    """Safe to share between threads, which is what it is for."""

    def __init__(self) -> None:
        self._waiting: list[_Waiting[T]] = []
        self._is_led = False
        self._lock = threading.Lock()

    def commit(self, brought: T, work: Callable[[list[T]], R]) -> R | None:
        """Do the work, with what others have brought; its answer for one of those whose it was, ``None`` for the
        others, when it is done. Raises what the work raises: in all of them where a service is away, else in those
        alone for whom it raises that when it is done for them alone."""
        me = _Waiting(brought)
        with self._lock:
            self._waiting.append(me)
            leads, self._is_led = not self._is_led, True
        if not leads:
            me.turn.wait()
            if me.error is not None:
                raise me.error
            if me.is_done:
                return None
            if me.is_alone:
                return work([brought])
        return self._lead(me, work)

    def _lead(self, me: _Waiting[T], work: Callable[[list[T]], R]) -> R:
        with self._lock:
            group, self._waiting = self._waiting, []
        others = [each for each in group if each is not me]
        try:
            result = work([each.brought for each in group])
        except Unavailable as error:
            for each in others:
                each.error = error
            raise
        except Exception:
            for each in others:
                each.is_alone = True
            if not others:
                raise
            result = work([me.brought])
        else:
            for each in others:
                each.is_done = True
        finally:
            for each in others:
                each.turn.set()
            self._pass_on()
        return result

    def _pass_on(self) -> None:
        """Let the first of those who came meanwhile lead."""
        with self._lock:
            self._is_led = bool(self._waiting)
            if self._waiting:
                self._waiting[0].turn.set()
