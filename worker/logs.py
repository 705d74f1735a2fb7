"""Logs: one line a state change, event names in the past tense with ids, numbers masked.

Text for people (``LOG_FORMAT=text``) or one JSON object a line. What other libraries log goes the same way.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, TextIO, cast

import structlog
from structlog.typing import EventDict, Processor

from worker.domain.bearer import PREFIX as BEARER_PREFIX
from worker.domain.call_token import PREFIX as CALL_TOKEN_PREFIX
from worker.domain.masked import masked
from worker.log_outlet import Outlet

_NUMBER = re.compile(r"(?:\+|%2[Bb])[1-9](?:[ ().-]{0,2}[0-9]){5,14}")
_NO_DIGIT = re.compile(r"[^0-9]")
_WORD = re.compile(r"\S+")
_USER = re.compile(r"://[^\s/@:]*:")
_SECRET = re.compile(
    r"(\b(?:ssl)?password=)(?:[^\s&\"'\\]|\\\S)+"  # an option of a URL or of libpq; in JSON a quote comes as \"
    r"|(\b(?:Bearer|Basic) )[^\s,;\"'\\]+"
    rf"|(\b{BEARER_PREFIX}_[0-9a-z]{{26}}_)[0-9a-f]+"
    rf"|(\b{CALL_TOKEN_PREFIX}_)[0-9A-Za-z_-]+",
    re.IGNORECASE,
)
_BEFORE_SECRETS = ("password=", "bearer ", "basic ", f"{BEARER_PREFIX}_", f"{CALL_TOKEN_PREFIX}_")
"""Without one of these, in whatever case, no line of ASCII has a secret: to look for them costs a hundredth."""


def mask(text: str) -> str:
    """``text`` with phone numbers cut to their last four digits, and without passwords of URLs, bearer keys and
    tokens of calls.

    Anybody may send what comes in here, as a path or in a library's message, so the time it takes grows with the
    length of the text and no faster: no pattern tries the same characters from many starts.
    """
    if "+" in text or "%2" in text:
        text = _NUMBER.sub(lambda match: masked(_NO_DIGIT.sub("", match[0])), text)
    if "://" in text and "@" in text:
        text = _WORD.sub(lambda match: _without_password(match[0]), text)
    lower = text.lower()
    if text.isascii() and not any(word in lower for word in _BEFORE_SECRETS):
        return text
    return _SECRET.sub(lambda match: f"{match[match.lastindex or 0]}***", text)


def _without_password(word: str) -> str:
    """An address without its password, which ends at the last ``@`` and may itself hold any sign but a blank."""
    end = word.rfind("@")
    user = _USER.search(word, 0, max(0, end - 1))
    return word if user is None else f"{word[: user.end()]}***{word[end:]}"


def configure(level: str = "info", form: str = "text") -> None:
    """Send this process's logs to standard error. From here on nothing that is logged raises, and none waits
    (:mod:`worker.log_outlet`)."""
    render = _masked(_RENDERERS[form]())
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    shared: list[Any] = [structlog.stdlib.add_log_level, stamp, structlog.processors.format_exc_info]
    outlet = Outlet(sys.stderr, partial(_lost, render, stamp))
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, outlet)),
        cache_logger_on_first_use=True,
    )
    handler = _Handler(cast(TextIO, outlet))
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


class _Handler(logging.StreamHandler[TextIO]):
    """Of what other libraries log."""

    def handleError(self, record: logging.LogRecord) -> None:
        """A record that cannot be made a line, its arguments do not fit its words: said, without either."""
        structlog.get_logger().warning(
            "log_record_unreadable", logger=record.name, at=f"{record.module}:{record.lineno}"
        )


def shield_stdout() -> None:
    """Let nothing that is printed raise or wait either: Celery's banner, and its words while it ends."""
    outlet = Outlet(sys.stdout, lambda lines: "")
    vars(sys).update(stdout=outlet, __stdout__=outlet)


def _lost(render: Processor, stamp: Processor, lines: int) -> str:
    event = {"event": "log_lines_lost", "level": "warning", "lines": lines}
    line = render(None, "warning", cast(EventDict, stamp(None, "warning", event)))
    return f"{cast(str, line)}\n"


# Tracebacks are plain: the pretty ones show local variables, and with them whatever is secret.
_RENDERERS: dict[str, Callable[[], Processor]] = {
    "json": structlog.processors.JSONRenderer,
    "text": lambda: structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
}


def _masked(render: Processor) -> Processor:
    """Masks the line as it is written, whatever it was made of: messages of libraries, tracebacks, nested
    values. A line of JSON stays one: what is masked never reaches over the end of a string."""

    def render_masked(logger: Any, method: str, event: EventDict) -> str:
        known = {key: event[key] for key in ("event", "level", "timestamp") if isinstance(event.get(key), str)}
        try:
            return mask(str(render(logger, method, event)))
        except _UNSHOWABLE as error:  # a value that cannot be shown must not end what it was about
            bare = {"event": "log_event_unreadable", **known, "unreadable": type(error).__name__}
            return mask(str(render(logger, method, bare)))

    return render_masked


_UNSHOWABLE = (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, RuntimeError, OSError)


_NOT_TAKEN_BACK = ("Couldn't ack ", "Couldn't reject ")
"""How kombu begins to log that a message's broker went away (``kombu.message``)."""


def _briefly(record: logging.LogRecord) -> bool:
    """Beat logs a broker that is away with two stacks, once a second; the first line says as much. So does that of a
    message that could not be acknowledged or handed back because the broker went away: it comes again. What a task
    hands back to the queue it has logged itself, better than Celery's traceback does."""
    if record.name == "celery.app.trace" and record.exc_info:
        from celery.exceptions import Reject  # here it is loaded; not every process that logs has Celery

        if isinstance(record.exc_info[1], Reject):
            return False
    if record.exc_info and (record.name == "celery.beat" or str(record.msg).startswith(_NOT_TAKEN_BACK)):
        record.msg, record.args, record.exc_info = record.getMessage().partition("\n")[0], (), None
    return True
