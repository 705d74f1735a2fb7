"""The lives of calls, written down: numbers in E.164, each with the lives of its successive attempts.

The last life repeats, a single life may stand without a list, and ``"*"`` is for every number not named.
Numbers without a script draw from the odds. ::

    {"+12025550101": [{"ring": 5, "end": "busy"}, {"ring": 3, "talk": 20, "callbacks": "twice"}],
     "+12025550102": {"place": "then_500"},
     "*": {"answer": true}}

=============== ======================================================== ==================================
key             value                                                    when left out
=============== ======================================================== ==================================
``ring``        seconds it rings                                         5; ``no-answer``: to the limit
``answer``      true or false                                            true, unless ``end`` is given
``talk``        seconds from the answer to the end                       20
``end``         ``busy`` ``no-answer`` ``failed`` ``declined``           answered, then ``completed``
``sip``         SIP status at the end; ``603+``: a network blocks it,    the usual one of the ending
                at once unless ``ring`` is given, and its phrase is
                passed on by our own protocol alone
``machine``     true: a machine answers; ``late``: the verdict comes     a human answers
                a second after the end, which names nobody
``fax``         true: a fax answers                                      a human answers
``callbacks``   ``once`` ``twice`` ``reversed`` ``none`` ``late:S``,     ``once``
                ``before_answer``: the first one is acknowledged
                before the request to place the call is answered
``then``        ``silence``, the same as callbacks ``none``
``accept``      true; reads well before ``then``, says nothing itself
``place``       the call is placed, but its request is answered          ``201`` with the id
                ``then_500`` (any 5xx), ``then_reset``, ``then_no_id``,
                ``then_timeout`` (never), ``late:S`` (S seconds later)
``reject``      not placed: a 4xx status, a code of ``words``, or
                ``STATUS:CODE`` in the words of the carrier whose protocol
                the simulator wears, such as ``400:21211``; ``/to``
                behind the code names the field that is wrong
``retry_after`` seconds, with ``reject``
``refuse``      not placed: a 5xx status, or ``STATUS:CODE``
``queue``       seconds the carrier keeps the call before it rings       0
``extra_calls`` further calls the carrier makes for the same request     0
=============== ======================================================== ==================================

``ring`` and ``talk`` are the callee's time: speed divides them, and the request's limits cap them. ``queue``
and every ``late`` are machine time and pass as they are.

Odds are written ``answered=80,busy=20``; a life of one key may stand for a fate, its value behind a colon:
``answered=90,reject:429=5,place:then_500=2,callbacks:twice=2,refuse:503=1``.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from worker.carriers.simulated.protocol import REFUSALS, SIP_CODE, AnsweredBy, Status
from worker.domain.errors import Fault, Invalid
from worker.simulator.lives import Callbacks, Fate, Life, Refusal, Reply

CODED = re.compile(r"([45]\d\d):(\w{1,20}(?:/\w{1,40})?)")
NETWORK_BLOCK = "603+"
ENDINGS = (Status.BUSY, Status.NO_ANSWER, Status.FAILED, Status.DECLINED)


def parse_script(text: str) -> dict[str, tuple[Life, ...]]:
    """Read a whole script. Raises :class:`Invalid` with every fault at once."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise Invalid([Fault("script", f"Not JSON: {error}.")]) from None
    if not isinstance(document, dict):
        raise Invalid([Fault("script", "An object of numbers is expected.")])
    script: dict[str, tuple[Life, ...]] = {}
    faults: list[Fault] = []
    for number, lives in document.items():
        listed = lives if isinstance(lives, list) else [lives]
        if not listed:
            faults.append(Fault(number, "At least one life is needed."))
        parsed: list[Life] = []
        for index, life in enumerate(listed):
            try:
                parsed.append(parse_life(life))
            except Invalid as refused:
                faults += [Fault(f"{number}[{index}].{fault.path}", fault.message) for fault in refused.faults]
        script[number] = tuple(parsed)
    if faults:
        raise Invalid(faults)
    return script


def parse_life(written: Any) -> Life:
    """Read one life. Raises :class:`Invalid` naming every key that is unknown or has a wrong value."""
    if not isinstance(written, dict):
        raise Invalid([Fault("life", "An object is expected.")])
    reader = _Reader(written)
    is_block = written.get("sip") == NETWORK_BLOCK
    ending, who = reader.ending(Status.DECLINED if is_block else Status.COMPLETED), reader.answered_by()
    unlimited = ending is Status.NO_ANSWER
    callbacks, callbacks_late = reader.callbacks()
    reply, reply_status, reply_late = reader.reply()
    life = Life(
        ring_seconds=reader.number("ring", math.inf if unlimited else 0.0 if is_block else 5.0),
        talk_seconds=reader.number("talk", 20.0),
        ending=ending,
        sip_code=reader.network_block(ending) if is_block else reader.whole("sip", 100, 699),
        sip_reason="Network Blocked" if is_block else None,
        answered_by=who,
        verdict_is_late=written.get("machine") == "late",
        callbacks=callbacks,
        callbacks_late_seconds=callbacks_late,
        reply=reply,
        reply_status=reply_status,
        reply_late_seconds=reply_late,
        refusal=reader.refusal(),
        queue_seconds=reader.number("queue", 0.0),
        extra_calls=reader.whole("extra_calls", 0, 10) or 0,
    )
    reader.finish()
    return life


def parse_odds(text: str) -> dict[Fate | Life, float]:
    """Weights such as ``answered=80,busy=20``; they need not add up to anything. Raises :class:`Invalid`."""
    odds: dict[Fate | Life, float] = {}
    for part in text.split(","):
        name, _, weight = part.strip().rpartition("=")
        try:
            odds[_one_key(name) if ":" in name else Fate(name)] = float(weight)
        except ValueError:
            raise Invalid([Fault("odds", f"{part!r} is not one of {', '.join(Fate)} with a weight.")]) from None
    if not sum(odds.values()) > 0 or any(not 0 <= weight < math.inf for weight in odds.values()):
        raise Invalid([Fault("odds", "Weights are finite, not negative, and one is above zero.")])
    return odds


def _one_key(written: str) -> Life:
    key, _, word = written.partition(":")
    value: Any = {"true": True, "false": False}.get(word, word)
    if word.replace(".", "", 1).isdecimal():
        value = float(word) if "." in word else int(word)
    return parse_life({key: value})


class _Reader:
    """Takes the keys of one written life one by one and collects what is wrong with them."""

    def __init__(self, written: Mapping[str, Any]) -> None:
        self._written = written
        self._left = set(written)
        self._faults: list[Fault] = []

    def finish(self) -> None:
        unknown = [Fault(key, "No such key in a life.") for key in sorted(self._left)]
        if self._faults or unknown:
            raise Invalid(self._faults + unknown)

    def _take(self, key: str) -> Any:
        self._left.discard(key)
        return self._written.get(key)

    def _wrong(self, key: str, expected: str) -> None:
        self._faults.append(Fault(key, f"{self._written.get(key)!r} is not {expected}."))

    def number(self, key: str, default: float) -> float:
        value = self._take(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
            self._wrong(key, "a number of seconds")
            return default
        return float(value)

    def whole(self, key: str, low: int, high: int) -> int | None:
        value = self._take(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self._wrong(key, f"a whole number from {low} to {high}")
            return None
        return value

    def _claim(self, key: str) -> bool | None:
        value = self._take(key)
        if value is not None and not isinstance(value, bool):
            self._wrong(key, "true or false")
            return None
        return value

    def network_block(self, ending: Status) -> int:
        self._take("sip")
        if ending is not Status.DECLINED:
            self._wrong("sip", "the status of a call that ends so, but of one that was declined")
        return SIP_CODE[Status.DECLINED]

    def ending(self, usual: Status) -> Status:
        answer, end = self._claim("answer"), self._take("end")
        if end is None:
            if answer:
                return Status.COMPLETED
            return Status.NO_ANSWER if answer is False and usual is Status.COMPLETED else usual
        word = str(end).replace("_", "-")
        if answer or word not in ENDINGS:
            self._wrong("end", f"one of {', '.join(ENDINGS)}, of a call without an answer")
            return Status.COMPLETED
        return Status(word)

    def answered_by(self) -> AnsweredBy:
        machine = self._take("machine")
        if machine not in (None, True, False, "late"):
            self._wrong("machine", "true, false or late")
        if self._claim("fax"):
            return AnsweredBy.FAX
        return AnsweredBy.MACHINE if machine else AnsweredBy.HUMAN

    def callbacks(self) -> tuple[Callbacks, float]:
        value, silence = self._take("callbacks"), self._take("then")
        self._claim("accept")
        if silence is not None and silence != "silence":
            self._wrong("then", "silence")
        if value is None:
            return (Callbacks.ONCE if silence is None else Callbacks.NONE), 0.0
        late = _late_seconds(value)
        if late is not None:
            return Callbacks.LATE, late
        if value == Callbacks.LATE or value not in tuple(Callbacks):
            self._wrong("callbacks", "one of once, twice, reversed, none, late:SECONDS, before_answer")
            return Callbacks.ONCE, 0.0
        return Callbacks(value), 0.0

    def reply(self) -> tuple[Reply, int, float]:
        value = self._take("place")
        if value is None:
            return Reply.NORMAL, 500, 0.0
        late = _late_seconds(value)
        if late is not None:
            return Reply.LATE, 500, late
        if value in (Reply.TIMEOUT, Reply.RESET, Reply.NO_ID):
            return Reply(value), 500, 0.0
        status = str(value).removeprefix("then_")
        if str(value).startswith("then_") and _is_status(status, range(500, 600)):
            return Reply.ERROR, int(status), 0.0
        self._wrong("place", "one of then_500, then_timeout, then_reset, then_no_id, late:SECONDS")
        return Reply.NORMAL, 500, 0.0

    def refusal(self) -> Refusal | None:
        reject, refuse = self._take("reject"), self._take("refuse")
        retry_after = self.number("retry_after", -1.0)
        pause = None if retry_after < 0 else retry_after
        if isinstance(reject, str) and reject in REFUSALS:
            return Refusal(REFUSALS[reject], reject, pause)
        for key, value, allowed in (("reject", reject, range(400, 500)), ("refuse", refuse, range(500, 600))):
            if value is None:
                continue
            coded = CODED.fullmatch(str(value))
            status = coded[1] if coded else str(value)
            if _is_status(status, allowed):
                return Refusal(int(status), coded[2] if coded else "", pause)
            words = f", or one of {', '.join(REFUSALS)}" if key == "reject" else ""
            self._wrong(key, f"a {allowed[0] // 100}xx status, with or without a code{words}")
        return None


def _late_seconds(value: Any) -> float | None:
    word, _, seconds = str(value).partition(":")
    if word != "late" or not seconds.replace(".", "", 1).isdecimal():
        return None
    return float(seconds)


def _is_status(text: str, allowed: Sequence[int]) -> bool:
    return text.isdecimal() and int(text) in allowed
