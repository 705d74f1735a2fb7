"""Commands that are listed and completed before the module that has them is imported.

A module of commands imports what they need: SQLAlchemy, Redis, some of them Celery or FastAPI. Whoever asks for a
version, a list of commands or a completion waits for none of it; whoever gives a command waits for that one's.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import click

Places = Mapping[str, Mapping[str, str]]
"""Where commands are, and the first sentence of each one's help by its name. A place is ``module`` for commands that
are variables of a module (``hang-up`` is ``hang_up``), ``module:group`` for those of a group there."""


@contextmanager
def importing() -> Iterator[None]:
    """Import without looking for cycles meanwhile: what is imported stays, and looking takes a seventh of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class Stub(click.Command):
    """A command of which the name and the first sentence of its help are known."""

    def __init__(self, name: str, sentence: str, place: str) -> None:
        super().__init__(name, help=sentence, add_help_option=False)
        self._place = place

    def load(self) -> click.Command:
        """The command itself."""
        module, _, group = self._place.partition(":")
        with importing():
            found = import_module(module)
        name = self.name or ""
        command: click.Command = (
            getattr(found, group).commands[name] if group else getattr(found, name.replace("-", "_"))
        )
        return command


class LazyGroup(click.Group):
    """A group that imports a command when it is given, and only that one."""

    def __init__(self, *args: Any, places: Places | None = None, **more: Any) -> None:
        super().__init__(*args, **more)
        self.include(places or {})

    def include(self, places: Places) -> None:
        """Know the commands that are in these places."""
        for place, sentences in places.items():
            for name, sentence in sentences.items():
                self.add_command(Stub(name, sentence, place))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does; and in place of a stub its command."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, Stub) else command, rest

    def loaded(self) -> Iterator[tuple[str, click.Command]]:
        """Every command of the group by its name, imported."""
        for name, command in self.commands.items():
            yield name, command.load() if isinstance(command, Stub) else command
