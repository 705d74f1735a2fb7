"""``dialer watch``: how the team's campaigns do, or one of them, and why nothing is dialed when nothing is."""

from __future__ import annotations

import threading
from functools import partial

import click

from worker import logs
from worker.cli.board import lines_of
from worker.cli.context import Context, for_team
from worker.cli.processes import unwound_by_sigterm
from worker.cli.screen import reasoned_line
from worker.cli.watching import Watcher, has_screen, is_done, watch_in_lines, watch_on_screen
from worker.cli.watching_all import watch_all
from worker.operations.board import read_board
from worker.operations.watching import read_watching
from worker.process import celery_app


@click.command()
@click.argument("campaign_id", required=False)
@click.option("--plain", is_flag=True, help="Print lines, as into a pipe, instead of the screen.")
@for_team
def watch(context: Context, campaign_id: str | None, plain: bool) -> None:
    """Watch CAMPAIGN_ID live, or without one all campaigns of the team.

    On a campaign p pauses it, r resumes it, q leaves. On the board the arrows choose a campaign, enter or its number
    opens it, and escape leads back.

    Where standard output is not a terminal, the board is printed once, and of a campaign a line a second until it is
    completed or cancelled.
    """
    on_screen = not plain and has_screen()
    try:
        with unwound_by_sigterm():
            if campaign_id is None:
                _all(context, on_screen=on_screen)
            else:
                _one(context, campaign_id, on_screen=on_screen)
    except KeyboardInterrupt:
        return


def _all(context: Context, *, on_screen: bool) -> None:
    first = read_board(context.dialer, context.team_id, broker_answers=celery_app.broker_answers)
    if not on_screen:
        for line in lines_of(first):
            click.echo(line)
        return
    logs.configure("error")  # what is written past the screen spoils it
    watch_all(context.dialer, context.team_id, first)


def _one(context: Context, campaign_id: str, *, on_screen: bool) -> None:
    read_again = partial(
        read_watching, context.dialer, context.team_id, campaign_id, broker_answers=celery_app.broker_answers
    )
    first = read_again()  # nothing there, nobody answers: that is an answer too, and ends it
    if not on_screen:
        click.echo(reasoned_line(first))
        if not is_done(first):
            pause = threading.Event().wait
            watch_in_lines(read_again, wait=pause, is_over=is_done, say=reasoned_line)
        return
    logs.configure("error")
    watcher = Watcher(context.dialer, context.team_id, lambda: campaign_id, first)
    watch_on_screen(watcher)
    if watcher.seen is not None:
        click.echo(reasoned_line(watcher.seen))
