"""Places where a test may kill the process, to see that nothing is lost and nobody is called twice.

``crashpoint("dial.after_commit")`` does nothing, unless the environment names that place in
``DIALER_CRASHPOINT``: then the process ends there, at once and without a word, as power failure would end it.
The names stand here and nowhere else; a name that is not among them is a mistake of ours and said so.
"""

from __future__ import annotations

import os
import signal

from worker.domain.errors import Broken

VARIABLE = "DIALER_CRASHPOINT"

POINTS = frozenset(
    {
        "promote.after_commit",  # a scheduled campaign runs, and nothing was dialed
        "run.after_message",  # a message asks for a run, and none was opened
        "admit.after_commit",  # a run was opened by hand, and nothing was dialed
        "wake.after_take",  # campaigns are taken to be looked at, nobody looks
        "fill.after_slots",  # slots are taken, no call is reserved
        "fill.after_commit",  # calls are reserved, no message was sent
        "dial.before_commit",  # a thread has its orders, nothing says that their calls may leave
        "dial.after_commit",  # calls may leave, none did
        "dial.after_request",  # calls left, no answer was stored
        "dial.after_store",  # answers are stored, slots of refused calls are held
        "record.after_commit",  # an event is in the inbox, or settled: no message was sent, slots are held
        "record.after_release",  # a call has ended and its slots are free: no message was sent
        "settle.before_commit",  # events are taken and moves written, nothing is committed
        "settle.after_commit",  # calls have ended, their slots are held
        "settle.after_release",  # slots are free, nobody filled them
        "stop.after_commit",  # a campaign stopped, its calls were not hung up
        "stop.after_mark",  # calls are marked for their end, no request was sent
        "stop.after_request",  # the carrier took the request to end a call, nobody wrote that down
        "outcome.after_commit",  # an assistant's report is kept, and nobody has answered it or filled
        "callback.after_commit",  # a callback is kept, and nobody has answered whoever asked for it
        "test_call.after_commit",  # the campaign of a test call is made, its run is not opened
        "outcome.after_decide",  # waits for reports are over, their campaigns are not completed
        "close.after_commit",  # a campaign has ended, nobody who waits was swept
        "close.after_sweep",  # all who waited are swept, the campaign is not completed
        "erasure.after_commit",  # nobody calls the person any more, who is not erased yet
        "erasure.after_clear",  # what has the person's key is erased, what mentions them is not looked through
        "erasure.after_page",  # the same, and part of it is looked through
        "reap.after_take",  # overdue calls are taken, nobody looks them up
        "reap.after_look_up",  # the carrier answered, nothing was written
        "rebuild.after_raise",  # the generation is raised and not committed, the slots are as they were
        "rebuild.after_write",  # the slots are written under a generation nobody has committed
        "roll_up.before_commit",  # deltas are gone and added to totals, nothing is committed
    }
)

_chosen = os.environ.get(VARIABLE)


def crashpoint(name: str) -> None:
    """End this process here if the environment says so. Raises :class:`Broken` for an unknown name."""
    if name not in POINTS:
        raise Broken(f"There is no crashpoint {name!r}; name it in worker/crashpoint.py.")
    if name == _chosen:
        os.kill(os.getpid(), signal.SIGKILL)
