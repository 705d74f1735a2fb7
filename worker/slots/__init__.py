"""Slots and rates: how many calls at once, and how many a second. Redis below, PostgreSQL above.

``scope`` names what a slot is a slot in and ``keys`` where that is kept, ``semaphore`` takes, gives back and
repairs slots, ``fill_requests`` keeps who is to be filled, ``rate`` paces the requests to a carrier, ``throttle`` those
of the API's clients, ``client`` connects and says what a failure of Redis means. The scripts, one idea each: ``acquire
release rebuild drop add gcra throttle nudge request_fills take_fills``. Redis ≥ 6.2 or Valkey; not Redis Cluster.
"""

from worker.slots.client import connect
from worker.slots.fill_requests import FillRequests
from worker.slots.nudge import Nudge
from worker.slots.rate import Rate, Rates
from worker.slots.scope import Credentials, Kind, Scope, SlotRequest
from worker.slots.semaphore import Acquired, Diff, Slots
from worker.slots.throttle import Allowance, Throttle

__all__ = [
    "Acquired",
    "Allowance",
    "Credentials",
    "Diff",
    "FillRequests",
    "Kind",
    "Nudge",
    "Rate",
    "Rates",
    "Scope",
    "SlotRequest",
    "Slots",
    "Throttle",
    "connect",
]
