"""``dialer campaigns watch``: how a campaign does, and why nothing is dialed when nothing is."""

from __future__ import annotations

import threading
from functools import partial

import click

from worker import logs
from worker.cli.context import Context, for_team
from worker.cli.processes import unwound_by_sigterm
from worker.cli.screen import reasoned_line
from worker.cli.watching import Watcher, has_screen, is_done, watch_in_lines, watch_on_screen
from worker.operations.watching import read_watching
from worker.process import celery_app


@click.command()
@click.argument("campaign_id")
@click.option("--plain", is_flag=True, help="Print a line a second, as into a pipe, instead of the screen.")
@for_team
def watch(context: Context, campaign_id: str, plain: bool) -> None:
    """Watch CAMPAIGN_ID live: p pauses it, r resumes it, q leaves.

    Where standard output is not a terminal, a line a second is printed until the campaign is completed or cancelled.
    """
    read_again = partial(
        read_watching, context.dialer, context.team_id, campaign_id, broker_answers=celery_app.broker_answers
    )
    first = read_again()  # nothing there, nobody answers: that is an answer too, and ends it
    try:
        with unwound_by_sigterm():
            if plain or not has_screen():
                click.echo(reasoned_line(first))
                if not is_done(first):
                    pause = threading.Event().wait
                    watch_in_lines(read_again, wait=pause, is_over=is_done, say=reasoned_line)
                return
            logs.configure("error")  # what is written past the screen spoils it
            watcher = Watcher(context.dialer, context.team_id, lambda: campaign_id, first)
            watch_on_screen(watcher)
    except KeyboardInterrupt:
        return
    if watcher.seen is not None:
        click.echo(reasoned_line(watcher.seen))
