"""How a call ended, by the SIP status it ended with (RFC 3261 §21, RFC 8197, RFC 8688), whatever its carrier."""

from __future__ import annotations

import re

from worker.domain.model import Disposition

_BY_CODE = {
    408: Disposition.NO_ANSWER,
    480: Disposition.NO_ANSWER,
    487: Disposition.NO_ANSWER,
    486: Disposition.BUSY,
    600: Disposition.BUSY,
    404: Disposition.INVALID_NUMBER,
    410: Disposition.INVALID_NUMBER,
    484: Disposition.INVALID_NUMBER,
    604: Disposition.INVALID_NUMBER,
    603: Disposition.REJECTED,
    607: Disposition.REJECTED,
    608: Disposition.REJECTED,
}

MEANINGS = {
    "400": "bad request", "403": "forbidden", "404": "not found", "408": "no answer in time", "410": "gone",
    "480": "temporarily unavailable", "484": "the number is incomplete", "486": "busy here",
    "487": "ended before an answer", "488": "not acceptable here", "500": "error of a server",
    "501": "not implemented", "502": "bad gateway", "503": "service unavailable", "504": "a server did not answer",
    "600": "busy everywhere", "603": "declined", "603+": "blocked by the network's analytics",
    "604": "does not exist anywhere", "606": "not acceptable",
    "607": "unwanted", "608": "rejected by a service on the way",
}  # fmt: skip
"""What SIP's codes mean, for people."""

NO_SUCH_NUMBER = frozenset(code for code, end in _BY_CODE.items() if end is Disposition.INVALID_NUMBER)
"""SIP answers that say the number itself leads nowhere."""


def disposition_of(code: int | None) -> Disposition | None:
    """The end of a call nobody answered; ``None`` where the code does not say."""
    if code is None:
        return None
    return Disposition.FAILED if 500 <= code < 600 else _BY_CODE.get(code)


_STATUS = re.compile(r"(?:SIP/2\.0 +)?([0-9]{3})(?:\+|\s.*)?", re.DOTALL)
_NETWORK_BLOCK = re.compile(r"\A(?:SIP/2\.0 +)?603\+|\bnetwork[ _-]blocked\b|\bv=analytics[0-9]", re.IGNORECASE)


def read_code(value: object) -> int | None:
    """A SIP status as carriers write it: a number, its digits, or these with the phrase behind them; ``None`` for
    anything else."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    status = _STATUS.fullmatch(text)
    return int(status[1]) if status else None


def is_network_block(code: int | None, *said: object) -> bool:
    """Whether the end of a call nobody answered is a 603+ (ATIS-1000099): a 603, or a status that the carrier does not
    pass on, of which it passes on the phrase *Network Blocked* or the ``Reason`` header with ``v=analytics1``."""
    return code in (None, 603) and any(isinstance(each, str) and _NETWORK_BLOCK.search(each) for each in said)
