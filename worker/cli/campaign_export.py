"""``dialer campaigns export``: a campaign's contacts or calls, as a table for spreadsheets or lines for programs."""

from __future__ import annotations

import click

from worker.cli.context import Context, for_team
from worker.cli.files import OUTPUT, writing
from worker.cli.showing import some
from worker.operations.export_text import FORMATS, WHAT, lines_of


@click.command()
@click.argument("campaign_id")
@click.option("--what", type=click.Choice(list(WHAT)), default="contacts", show_default=True)
@click.option("--output", "-o", type=OUTPUT, metavar="FILE", help="Write here instead of to standard output.")
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="csv", show_default=True,
    help="csv is safe to open in a spreadsheet; json-lines is as it is stored.",
)  # fmt: skip
@for_team
def export(context: Context, campaign_id: str, what: str, output: str | None, form: str) -> None:
    """Write the contacts of CAMPAIGN_ID as they stand, or its calls.

    Contacts come with status, attempts, last disposition, next call, the reason why they are not called, and
    do_not_call where they or their number must not be; calls with their times and dispositions; instants are in UTC.

    In csv a cell that a spreadsheet would compute (=, +, -, @ …) has an apostrophe before it. Plain numbers have not:
    +12025550123 is written as it is. "dialer contacts import" takes all of this back: importing the file again
    changes nothing. (To see the plus in Excel, open the file by Data > From Text with that column as text.) FILE is
    replaced when all of it is written, and else left as it was; a new one is yours alone to read.
    """
    fields, exported = WHAT[what]
    rows = exported(context.dialer, context.team_id, campaign_id)
    count = 0
    with writing(output) as file:
        for line in lines_of(fields, rows, form):
            file.write(line)
            count += 1
    count -= form == "csv"  # the names of its columns
    if output not in (None, "-"):
        click.echo(f"{some(count, what.removesuffix('s'))} written to {output}.", err=True)
