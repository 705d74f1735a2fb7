"""Logs: one line a state change, event names in the past tense with ids, numbers masked.

Text for people (``LOG_FORMAT=text``) or one JSON object a line. What other libraries log goes the same way.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable
from typing import Any

import structlog
from celery.exceptions import Reject
from structlog.typing import EventDict, Processor

from worker.domain.bearer import PREFIX as BEARER_PREFIX

_NUMBER = re.compile(r"(?:\+|%2[Bb])[1-9](?:[ ().-]{0,2}[0-9]){5,14}")
_NO_DIGIT = re.compile(r"[^0-9]")
_WORD = re.compile(r"\S+")
_USER = re.compile(r"://[^\s/@:]*:")
_SECRET = re.compile(
    r"(\b(?:ssl)?password=)(?:[^\s&\"'\\]|\\\S)+"  # an option of a URL or of libpq; in JSON a quote comes as \"
    r"|(\b(?:Bearer|Basic) )[^\s,;\"'\\]+"
    rf"|(\b{BEARER_PREFIX}_[0-9a-z]{{26}}_)[0-9a-f]+",
    re.IGNORECASE,
)


def mask(text: str) -> str:
    """``text`` with phone numbers cut to their last two digits, and without passwords of URLs and bearer keys.

    Anybody may send what comes in here, as a path or in a library's message, so the time it takes grows with the
    length of the text and no faster: no pattern tries the same characters from many starts.
    """
    text = _NUMBER.sub(lambda match: "+…" + _NO_DIGIT.sub("", match[0])[-2:], text)
    if "://" in text and "@" in text:
        text = _WORD.sub(lambda match: _without_password(match[0]), text)
    return _SECRET.sub(lambda match: f"{match[1] or match[2] or match[3]}***", text)


def _without_password(word: str) -> str:
    """An address without its password, which ends at the last ``@`` and may itself hold any sign but a blank."""
    end = word.rfind("@")
    user = _USER.search(word, 0, max(0, end - 1))
    return word if user is None else f"{word[: user.end()]}***{word[end:]}"


def configure(level: str = "info", form: str = "text") -> None:
    """Send this process's logs to standard error."""
    render = _masked(_RENDERERS[form]())
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_briefly)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for chatty in ("httpx2", "httpcore2", "celery.worker.strategy", "celery.app.trace", "celery.beat"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


# Tracebacks are plain: the pretty ones show local variables, and with them whatever is secret.
_RENDERERS: dict[str, Callable[[], Processor]] = {
    "json": structlog.processors.JSONRenderer,
    "text": lambda: structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
}


def _masked(render: Processor) -> Processor:
    """Masks the line as it is written, whatever it was made of: messages of libraries, tracebacks, nested
    values. A line of JSON stays one: what is masked never reaches over the end of a string."""

    def render_masked(logger: Any, method: str, event: EventDict) -> str:
        return mask(str(render(logger, method, event)))

    return render_masked


def _briefly(record: logging.LogRecord) -> bool:
    """Beat tells a broker that is away with two stacks, once a second; the first line says as much. What a task hands
    back to the queue it has told itself, better than Celery's traceback does."""
    if record.name == "celery.app.trace" and record.exc_info and isinstance(record.exc_info[1], Reject):
        return False
    if record.name == "celery.beat" and record.exc_info:
        record.msg, record.args, record.exc_info = record.getMessage().partition("\n")[0], (), None
    return True
