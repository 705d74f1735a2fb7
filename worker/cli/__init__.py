"""Operators' commands: ``dialer`` and ``python -m worker``.

They end with 0 when it is done, 1 when it failed, 2 when the request cannot be, 3 when something it names is not
there, 4 when a service is away; and what went wrong is one sentence on standard error that says what to do.
"""

from __future__ import annotations

import atexit
import gc
import io
import signal
import sys
from typing import TextIO

import click
from click.exceptions import NoArgsIsHelpError

from worker.cli.commands import ALONE, GROUPS
from worker.cli.lazy import LazyGroup
from worker.cli.named import as_given
from worker.cli.showing import plain
from worker.domain.errors import DialerError, Invalid

MOST_FAULTS = 20


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="campaign-dialer")
def dialer() -> None:
    """Run batch outbound calling campaigns."""


dialer.include(ALONE)
for name, (sentence, places) in GROUPS.items():
    dialer.add_command(LazyGroup(name, help=sentence, places=places))


def main() -> None:
    """The entry point; never ends in a traceback for what a user can cause."""
    atexit.register(gc.freeze)  # looking for cycles among all that was imported takes longer than most commands
    _heed_ctrl_c()
    _open_minded(sys.stdin, "surrogateescape")  # what is no text is refused where its meaning is known
    _open_minded(sys.stdout, "backslashreplace")  # a name may hold what this terminal cannot show
    _open_minded(sys.stderr, "backslashreplace")
    try:
        sys.exit(dialer(prog_name="dialer", standalone_mode=False))
    except NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        _end("Stopped.", 1)
    except click.ClickException as error:
        _end(_on_one_line(error.format_message()) + _help(error), error.exit_code)
    except Invalid as error:
        _end(_faults(error), error.exit_code)
    except DialerError as error:
        _end(str(error), error.exit_code)


def _heed_ctrl_c() -> None:
    """A shell without job control has what it starts in the background ignore SIGINT. Every command of ours that takes
    time ends in good order on it, and says how far it came; so it does there, too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _open_minded(stream: TextIO | None, errors: str) -> None:
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=errors)


def _on_one_line(message: str) -> str:
    """click lists the choices of an option a line each."""
    first, *choices = message.split("\n\t")
    return f"{first} {' '.join(choices)}." if choices else message


def _help(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    return "" if context is None else f" See {context.command_path} --help."


def _faults(error: Invalid) -> str:
    """What is wrong, as far as somebody reads it."""
    more = len(error.faults) - MOST_FAULTS
    return str(Invalid(error.faults[:MOST_FAULTS])) + (f" And {more} more values are wrong." if more > 0 else "")


def _end(sentence: str, code: int) -> None:
    click.echo(f"dialer: {plain(as_given(sentence))}", err=True)
    sys.exit(code)
