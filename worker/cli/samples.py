"""``dialer samples``: files to begin with."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import click

from worker.cli.showing import json_option, show_json
from worker.domain.errors import Conflict

SAMPLES = ("people.csv", "never-call.txt", "columns.md")


@click.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path), default=".", metavar="[DIR]")
@click.option("--force", is_flag=True, help="Overwrite files of these names.")
@json_option
def samples(directory: Path, force: bool, as_json: bool) -> None:
    """Write sample files into DIR, by default here: people.csv, contacts to import; never-call.txt, numbers for the
    do-not-call list; columns.md, the names of columns that are understood.

    The numbers are reserved for fiction. Nothing is written if one of the files is there, unless with --force.
    """
    there = [name for name in SAMPLES if (directory / name).exists()]
    if there and not force:
        raise Conflict(
            f"{' and '.join(there)} would be overwritten in {directory}; name another directory or say --force."
        )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name in SAMPLES:
            (directory / name).write_bytes((resources.files("worker") / "samples" / name).read_bytes())
    except OSError as error:
        raise click.ClickException(f"{error.filename or directory}: {error.strerror or error}.") from error
    if as_json:
        show_json(files=[str(directory / name) for name in SAMPLES])
    else:
        for name in SAMPLES:
            click.echo(directory / name)
