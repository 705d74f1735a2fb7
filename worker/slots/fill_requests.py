"""Which teams somebody is to fill, because calls of theirs have ended, and whether a message says so.

Who settles need not be who fills: a web process hands on. The teams wait in a set, so that a hundred ends of a team ask
for one fill, and one message says that any do, however many they are: it is sent by whoever adds the first, and who
receives it takes what is there. All of it is a hint: what a crash or an emptied Redis takes along, the tick finds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError, ResponseError

from worker.slots.client import load_script, redis_errors
from worker.slots.nudge import Nudge
from worker.slots.repair import repaired
from worker.slots.scope import SlotRequest
from worker.slots.semaphore import Slots

OUTSTANDING_MS = 2_000
"""After so long the message is taken for lost, and whoever comes next sends another; see :mod:`worker.slots.nudge`."""
_SEPARATOR = " "


CampaignOfTeam = tuple[str, str]
"""A team and a campaign of it of which a call has ended, by their ids."""


class TakenFills(NamedTuple):
    """What is to be filled; whether there ``has_more``, for which the caller is to send a message; and whether the flag
    ``was_set``."""

    requests: Sequence[CampaignOfTeam]
    has_more: bool
    was_set: bool


class FillRequests:
    """Those of one deployment. Raises :class:`~worker.domain.errors.Unavailable` when Redis is away."""

    def __init__(self, client: Redis, prefix: str) -> None:
        self._redis = client
        self._root = f"{{{prefix}fills}}:"
        self._keys = [f"{self._root}wanted", f"{self._root}outstanding"]
        self._add = load_script(client, "request_fills")
        self._take = load_script(client, "take_fills")

    def add(self, requests: Sequence[CampaignOfTeam], ended: Sequence[SlotRequest], slots: Slots) -> bool:
        """Give back the slots of ended calls and add what is to be filled, in one exchange; whether the caller is to
        send the message."""
        arguments: list[str | int] = [OUTSTANDING_MS, *(_SEPARATOR.join(each) for each in requests)]
        pipeline = self._redis.pipeline(transaction=False)
        slots.release_by(pipeline, ended)
        pipeline.evalsha(self._add.sha, len(self._keys), *self._keys, *arguments)
        try:
            with redis_errors():
                return bool(_answers(pipeline)[-1])
        except _Refused:  # a script that the server has forgotten, a key of another type: each knows what to do
            slots.release(ended)
            return bool(self._run(lambda: self._add(self._keys, arguments)))

    def take(self, most: int, nudge: Nudge, kind: str) -> TakenFills:
        """Take up to so many, and the flag of that kind down, in one exchange. Whoever adds one from here on sends
        another message."""
        arguments = [most, OUTSTANDING_MS]
        pipeline = self._redis.pipeline(transaction=False)
        nudge.clear_by(pipeline, kind)
        pipeline.evalsha(self._take.sha, len(self._keys), *self._keys, *arguments)
        with redis_errors():
            was_set, taken = pipeline.execute(raise_on_error=False)
            if isinstance(was_set, RedisError):
                raise was_set
        if isinstance(taken, RedisError):  # the script knows what to do
            taken = self._run(lambda: self._take(self._keys, arguments))
        wanted, has_more = taken
        pairs = (each.partition(_SEPARATOR) for each in wanted)
        requests = [(team_id, campaign_id) for team_id, _, campaign_id in pairs]
        return TakenFills(requests, has_more=bool(has_more), was_set=bool(was_set))

    def are_waiting(self) -> bool:
        """Whether anybody is to be filled."""
        return bool(self._run(lambda: self._redis.scard(self._keys[0])))

    def _run(self, script: Callable[[], Any]) -> Any:
        return repaired(self._redis, self._root, self._type_of, script)

    def _type_of(self, key: str) -> str:
        return "set" if key == self._keys[0] else "string"


class _Refused(Exception):
    """One of several commands was refused; the others may have been carried out."""


def _answers(pipeline: Pipeline) -> list[Any]:
    try:
        return pipeline.execute()
    except ResponseError as error:
        raise _Refused from error
