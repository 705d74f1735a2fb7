"""What every command of an operator shares: the dialer, the team it is about, how words become values, what follows.

A command is a click command under :func:`for_team` (or :func:`for_all`, where no team is meant), which opens the
dialer, finds the team and hands both to the command as its first argument::

    @campaigns.command()
    @click.argument("campaign_id")
    @for_team
    def pause(ask: Asked, campaign_id: str) -> None:

Values are judged by the rules of the API, in :mod:`worker.domain`, which find every fault at once; here they are
only renamed, from ``maxConcurrentCalls`` to ``--max-concurrent-calls``.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import click
from sqlalchemy import Row

from worker import logs, tasks, wiring
from worker.domain.errors import Fault, Invalid, Unavailable
from worker.domain.fields import storable
from worker.domain.paging import FURTHEST, MOST_ROWS, USUAL_ROWS
from worker.flow.base import Dialer, Step
from worker.flow.teams import choose_team
from worker.settings import read_settings

P = ParamSpec("P")
T = TypeVar("T")

ACTOR = "cli"
"""Who is noted in the audit log."""

TEAM_HELP = "The team, by its slug or id; may be left out where there is only one."


@dataclass(frozen=True, slots=True)
class Asked:
    """One command of an operator, about one team."""

    dialer: Dialer
    team: Row[Any]
    actor: str = ACTOR

    @property
    def team_id(self) -> str:
        """The team all of this is about."""
        return str(self.team.id)

    def carry_out(self, steps: Iterable[Step]) -> None:
        """Do what follows from work that is committed. If a service is away now, nothing is lost: the rows say
        what is to be done, and the tick finds it."""
        try:
            tasks.carry_out(steps)
        except Unavailable as error:
            click.echo(f"dialer: This is done; the workers will notice by themselves, for now {error}", err=True)


def for_team(command: Callable[Concatenate[Asked, P], T]) -> Callable[..., T]:
    """Give the command ``--team``, and hand it an :class:`Asked` first."""

    @click.option("--team", metavar="SLUG|ID", envvar="DIALER_TEAM", help=TEAM_HELP)
    @wraps(command)
    def asked(*args: P.args, **kwargs: P.kwargs) -> T:
        with _in_options(**kwargs):
            named, dialer = kwargs.pop("team"), open_dialer()
            team = choose_team(dialer, None if named is None else str(named))
            return command(Asked(dialer, team), *args, **kwargs)

    return asked


def for_all(command: Callable[Concatenate[Dialer, P], T]) -> Callable[..., T]:
    """Hand the command the dialer, for it is about no team or about all of them."""

    @wraps(command)
    def asked(*args: P.args, **kwargs: P.kwargs) -> T:
        with _in_options(**kwargs):
            return command(open_dialer(), *args, **kwargs)

    return asked


def open_dialer() -> Dialer:
    """The dialer of these settings, and logs that say only what is amiss."""
    logs.configure("warning", read_settings().log_format)
    return wiring.dialer()


@contextmanager
def _in_options(**given: object) -> Iterator[None]:
    """Say of a value that is wrong by which option it was given. Texts that are none are refused here: the bytes of
    a command line may be anything."""
    try:
        faults = [fault for name, value in given.items() for fault in _no_text(name, value)]
        if faults:
            raise Invalid(faults)
        yield
    except Invalid as error:
        options = {_field(param.name or ""): _written(param) for param in click.get_current_context().command.params}
        raise Invalid([Fault(_renamed(fault.path, options), fault.message) for fault in error.faults]) from error


def _no_text(name: str, value: object) -> Iterator[Fault]:
    for text in (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ():
        try:
            storable(text, _field(name))
        except Invalid as error:
            yield from error.faults


def _written(param: click.Parameter) -> str:
    return max(param.opts, key=len) if isinstance(param, click.Option) else param.human_readable_name


def _renamed(path: str, options: Mapping[str, str]) -> str:
    head, rest = re.fullmatch(r"([^.\[]*)(.*)", path, re.DOTALL).groups()  # type: ignore[union-attr]  # matches anything
    return options.get(head, head) + rest


def _field(option: str) -> str:
    """The name of an option's value in the API: ``max_concurrent_calls`` is ``maxConcurrentCalls``."""
    first, *others = option.split("_")
    return first + "".join(word.capitalize() for word in others)


def as_body(**options: object) -> dict[str, Any]:
    """The options given, as the body of the API's request that asks the same. One that is given as an empty text
    is ``null``: back to what it is when it is left out."""
    return {
        _field(name): None if value in ("", ("",)) else list(value) if isinstance(value, tuple) else value
        for name, value in options.items()
        if value is not None and value != ()
    }


class _Judged(click.ParamType[Any]):
    """A value that is read if it can be, and else left for the rules to refuse, together with all others."""

    def __init__(self, name: str, *readers: Callable[[str], object]) -> None:
        self.name, self._readers = name, readers

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        for read in self._readers if isinstance(value, str) else ():
            with suppress(ValueError, RecursionError):
                return read(value)
        return value


NUMBER = _Judged("number", int, float)
JSON = _Judged("json", json.loads)


def paged(command: Callable[P, T]) -> Callable[P, T]:
    """Give a listing command ``--limit`` and ``--offset``."""
    most = click.IntRange(1, MOST_ROWS)
    limit = click.option("--limit", type=most, default=USUAL_ROWS, show_default=True, help="Show this many at most.")
    offset = click.option("--offset", type=click.IntRange(0, FURTHEST), default=0, help="Leave out this many first.")
    return limit(offset(command))


def confirm(question: str, yes: bool) -> None:
    """Ask before what cannot be undone, where somebody is there to answer."""
    if not yes and sys.stdin.isatty() and sys.stderr.isatty():
        click.confirm(question, abort=True, err=True)
