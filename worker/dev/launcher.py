"""The first moments of a child, between its birth and the program it is to become.

It runs in a fresh interpreter, where there are no other threads and every call is safe. (A ``preexec_fn``
runs in a copy of a threaded parent, where a lock that another thread held at the fork is held for ever.) It
changes user, has the kernel signal it at its parent's death, takes every signal as a fresh process does,
and becomes the program. Standard library only.
"""

from __future__ import annotations

import os
import signal
import sys

PR_SET_PDEATHSIG = 1
CANNOT_RUN = 127


def main(arguments: list[str]) -> None:
    """``<parent's pid> <death signal, 0 for none> <user id, -1 to stay> <group id> <program> <argument>…``"""
    parent, death_signal, user_id, group_id = (int(argument) for argument in arguments[:4])
    program = arguments[4:]
    if death_signal and sys.platform == "linux":
        import ctypes  # while we are root still: the interpreter may lie where the other user cannot read

        prctl = ctypes.CDLL(None, use_errno=True).prctl
    else:
        prctl = None
    if user_id >= 0:
        os.setgroups([])
        os.setgid(group_id)
        os.setuid(user_id)
    if prctl is not None:
        prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)  # after the change of user, which would clear it
        if os.getppid() != parent:
            sys.exit("the parent ended before this process had begun")
    _take_every_signal()
    try:
        os.execvp(program[0], program)
    except OSError as error:
        print(f"cannot run {program[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(CANNOT_RUN)


def _take_every_signal() -> None:
    """What is ignored or blocked stays so across exec. Python ignores SIGPIPE and SIGXFSZ; a shell without job control
    has what it starts in the background ignore SIGINT and SIGQUIT, and all that descend from it: but SIGINT is how a
    server is ended in good order."""
    for number in signal.valid_signals():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
