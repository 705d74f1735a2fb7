"""``dialer samples``: files to try an import with."""

from __future__ import annotations

from pathlib import Path

import click

FILES = {
    "people.csv": "first_name,last_name,phone,timezone\n"
    "Ada,Stone,(202) 555-0141,America/New_York\nBob,Reed,(202) 555-0142,\nCid,Moss,+12025550143,America/Denver\n",
    "never-call.txt": "+12025550142\n",
    "columns.md": "See dialer contacts import --help.\n",
}


@click.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path), default=".", metavar="[DIR]")
def samples(directory: Path) -> None:
    """Write people.csv, never-call.txt and columns.md into DIR, by default the current directory."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in FILES.items():
        (directory / name).write_text(content)
    click.echo(f"Wrote {', '.join(FILES)}.")
