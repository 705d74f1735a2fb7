"""``dialer manual``: the pages of the manual, for a terminal or a pipe."""

from __future__ import annotations

import sys
from importlib.resources import files

import click

from worker.domain.errors import Refused
from worker.domain.spelling import did_you_mean

PAGES = {
    "operating": "A day in an operator's life: the commands.",
    "import": "Files of contacts and of do-not-call; numbers and time zones.",
    "api": "The same over HTTP.",
    "assistants": "What an assistant is sent of a callee, and what it reports.",
    "carriers": "Which there are, and the simulator; how a call can end; what a refusal means.",
    "adding-a-carrier": "A package that adds one.",
    "calling-rules": "What the law of each place wants of a call; how places are found.",
    "deployment": "In production; what hangs; clocks and failovers.",
    "settings": "Every variable of the environment.",
    "changelog": "What changed for whoever uses it.",
}
"""The pages, and what each is about."""


@click.command()
@click.argument("page", required=False)
def manual(page: str | None) -> None:
    """Show PAGE of the manual; without one, say which there are.

    On a terminal it is laid out, and shown by $PAGER; in a pipe it is the Markdown it is written in.
    """
    if page is None:
        width = max(map(len, PAGES))
        for name, subject in PAGES.items():
            click.echo(f"{name:<{width}}  {subject}")
        return
    text = read_page(page)
    if sys.stdout.isatty():
        _show(text)
    else:
        click.echo(text, nl=False)


def read_page(name: str) -> str:
    """The page in Markdown. Raises :class:`Refused`, with the page that was probably meant."""
    if name not in PAGES:
        near = did_you_mean(name, PAGES) or f" its pages are {', '.join(PAGES)}."
        raise Refused(f"The manual has no page {name};{near}")
    return (files("worker") / "manual" / f"{name}.md").read_text("utf-8")


def _show(text: str) -> None:
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    with console.capture() as capture:
        console.print(Markdown(text))
    click.echo_via_pager(capture.get())
