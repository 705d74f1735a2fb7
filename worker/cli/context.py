"""What every command of an operator shares: the dialer, the team it is about, how words become values, what follows.

A command is a click command under :func:`for_team` (or :func:`for_all`, where no team is meant), which opens the
dialer, finds the team and hands both to the command as its first argument::

    @campaigns.command()
    @click.argument("campaign_id")
    @for_team
    def pause(context: Context, campaign_id: str) -> None:

Values are checked by the rules of the API, in :mod:`worker.domain`, which find every fault at once; here they are
only renamed, from ``maxConcurrentCalls`` to ``--max-concurrent-calls``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import wraps
from itertools import islice
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click

from worker.cli.lazy import importing
from worker.domain.errors import Fault, Invalid, Unavailable
from worker.domain.fields import NOT_NULL, storable
from worker.domain.paging import FURTHEST, MOST_AT_ONCE, MOST_ROWS, USUAL_ROWS

if TYPE_CHECKING:  # SQLAlchemy, Redis and Celery are imported by who needs them: see worker.cli.lazy
    from worker.flow.base import Dialer, Step
    from worker.store.crm.teams import TeamRow

P = ParamSpec("P")
T = TypeVar("T")

LONGEST_WORD = 64
"""How much of a wrong word is repeated."""

ACTOR = "cli"
"""Who is noted in the audit log."""

TEAM_HELP = "The team, by its slug or id; may be left out where there is only one."


NAMED = {
    "campaign_id": "campaign",
    "contact_id": "contact",
    "contact_ids": "contact",
    "assistant_id": "assistant",
    "company_id": "company",
    "account_id": "carrier account",
    "carrier_account_id": "carrier account",
    "number_id": "phone number",
    "from_number_ids": "phone number",
}
"""Arguments and options that take the id of something, or its name: a campaign's, an assistant's, a company's, an
account's, or a number."""


@dataclass(frozen=True, slots=True)
class Context:
    """One command of an operator, about one team."""

    dialer: Dialer
    team: TeamRow
    actor: str = ACTOR

    @property
    def team_id(self) -> str:
        """The team all of this is about."""
        return self.team.id

    def carry_out(self, steps: Iterable[Step]) -> None:
        """:func:`carry_out`."""
        carry_out(steps)

    def region(self, country: str | None) -> str | None:
        """Where numbers without a country code belong: to the country that was named, else to the team's."""
        from worker.operations.country import region_of

        return region_of(self.dialer, self.team_id, country)


def carry_out(steps: Iterable[Step]) -> None:
    """Do what follows from work that is committed. If a service is away now, nothing is lost: the rows say what is
    to be done, and the tick finds it."""
    with importing():
        from worker.process import dispatch

    try:
        dispatch.carry_out(steps)
    except Unavailable as error:
        click.echo(f"dialer: This is done, and will be noticed a little later: {error}", err=True)


def for_team(command: Callable[Concatenate[Context, P], T]) -> Callable[..., T]:
    """Give the command ``--team``, and hand it a :class:`Context` first."""

    @click.option("--team", metavar="SLUG|ID", envvar="DIALER_TEAM", help=TEAM_HELP)
    @wraps(command)
    def with_context(*args: P.args, **kwargs: P.kwargs) -> T:
        with in_options(**kwargs):
            with importing():
                from worker.operations.teams import choose_team

            named, dialer = kwargs.pop("team"), open_dialer()
            team = choose_team(dialer, str(named) if named else None)
            kwargs.update(_ids(dialer, team.id, kwargs))
            return command(Context(dialer, team), *args, **kwargs)

    return with_context


def _ids(dialer: Dialer, team_id: str, given: Mapping[str, object]) -> dict[str, Any]:
    """The ids of what was named, in place of names."""
    words = {name: value for name, value in given.items() if name in NAMED and value}
    if not words:
        return {}
    from worker.operations.names import ids_of

    found: dict[str, Any] = {}
    for name, value in words.items():
        ids = ids_of(dialer, team_id, NAMED[name], value if isinstance(value, tuple) else (str(value),))
        found[name] = tuple(ids) if isinstance(value, tuple) else ids[0]
    return found


def for_all(command: Callable[Concatenate[Dialer, P], T]) -> Callable[..., T]:
    """Hand the command the dialer, for it is about no team or about all of them."""

    @wraps(command)
    def with_dialer(*args: P.args, **kwargs: P.kwargs) -> T:
        with in_options(**kwargs):
            return command(open_dialer(), *args, **kwargs)

    return with_dialer


def open_dialer() -> Dialer:
    """The dialer of these settings, and logs that say only what is amiss."""
    with importing():
        from worker import logs
        from worker.process import wiring
        from worker.process.settings import read_settings

    logs.configure("warning", read_settings().log_format)
    return wiring.dialer()


def broker_answers() -> bool:
    """Whether the broker can be reached."""
    from worker.process import celery_app

    return celery_app.broker_answers()


@contextmanager
def in_options(**given: object) -> Iterator[None]:
    """Say of a value that is wrong by which option it was given. Texts that are none are refused here: the bytes of
    a command line may be anything."""
    try:
        faults = [fault for name, value in given.items() for fault in _unstorable(_field(name), value)]
        if faults:
            raise Invalid(faults)
        yield
    except Invalid as error:
        written = {_field(param.name or ""): param for param in click.get_current_context().command.params}
        raise Invalid(
            [Fault(_renamed(fault.path, written, given), _in_words(fault.message)) for fault in error.faults]
        ) from error


def _in_words(message: str) -> str:
    """A sentence of the API's for somebody who writes no JSON: ``null`` is an empty text here."""
    return message.replace(NOT_NULL, "It cannot be empty")


def _unstorable(path: str, value: object) -> Iterator[Fault]:
    try:
        storable(list(value) if isinstance(value, tuple) else value, path)
    except Invalid as error:
        yield from error.faults


def _renamed(path: str, written: Mapping[str, click.Parameter], given: Mapping[str, object]) -> str:
    """What the user wrote that the path of a fault means: the option, or the word where there are several."""
    head, _, rest = path.partition("[") if "[" in path else path.partition(".")
    param = written.get(head)
    if param is None:
        return path
    name = max(param.opts, key=len) if isinstance(param, click.Option) else param.human_readable_name
    index, words = rest.rstrip("]"), given.get(param.name or "")
    if isinstance(words, tuple) and index.isdecimal() and int(index) < len(words):
        word = repr(words[int(index)][:LONGEST_WORD])
        return f"{name} {word}" if isinstance(param, click.Option) else word
    where = path.removeprefix(head).removeprefix(".")
    return f"{name} ({where})" if where else name


def _field(option: str) -> str:
    """The name of an option's value in the API: ``max_concurrent_calls`` is ``maxConcurrentCalls``."""
    first, *others = option.split("_")
    return first + "".join(word.capitalize() for word in others)


def as_body(**options: object) -> dict[str, Any]:
    """The options given, as the body of the API's request for the same. One that is given as an empty text
    is ``null``: back to what it is when it is left out."""
    return {
        _field(name): None if value in ("", ("",)) else list(value) if isinstance(value, tuple) else value
        for name, value in options.items()
        if value is not None and value != ()
    }


def as_changes(**options: object) -> dict[str, Any]:
    """The same for an edit, which must change something."""
    changes = as_body(**options)
    if not changes:
        raise click.UsageError("Say what to change.", click.get_current_context())
    return changes


class _Lenient(click.ParamType[Any]):
    """A value that is read if it can be, and else left for the rules to refuse, together with all others."""

    def __init__(self, name: str, *readers: Callable[[str], object]) -> None:
        self.name = name
        self._readers = readers

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        for read in self._readers:
            with suppress(ValueError, TypeError, RecursionError):  # TypeError: it has been read before
                return read(value)
        return value


NUMBER = _Lenient("number", int, float)


def _read_json(text: str) -> object:
    """``null`` is said by an empty text, here as everywhere."""
    read: object = json.loads(text)
    return "" if read is None else read


JSON = _Lenient("json", _read_json)


def paged(command: Callable[P, T]) -> Callable[P, T]:
    """Give a listing command ``--limit`` and ``--offset``."""
    most = click.IntRange(1, MOST_ROWS)
    limit = click.option("--limit", type=most, default=USUAL_ROWS, show_default=True, help="Show this many at most.")
    offset = click.option("--offset", type=click.IntRange(0, FURTHEST), default=0, help="Leave out this many first.")
    return limit(offset(command))


def many(name: str, metavar: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """One or more words as an argument; ``-`` alone reads them from standard input, one a line."""

    def read(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
        if value != ("-",):
            return value
        words = tuple(line.strip() for line in islice(sys.stdin, MOST_AT_ONCE + 1) if line.strip())
        if not words:
            raise click.BadParameter("There is nothing on standard input.", ctx, param)
        return words

    return click.argument(name, nargs=-1, required=True, metavar=f"{metavar}...", callback=read)


country_option = click.option(
    "--country", help="Where numbers without a country code belong, such as US; left out, the team's country."
)
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask.")


def confirm(question: str, yes: bool) -> None:
    """Ask before what cannot be undone, where somebody is there to answer."""
    if not yes and is_answered():
        click.confirm(question, abort=True, err=True)


def is_answered() -> bool:
    """Whether somebody is there to answer a question."""
    return sys.stdin.isatty() and sys.stderr.isatty()
