"""The file ``env`` of ``dialer up``: a shell that reads it finds the dialer, and may call everything the manual has.

It holds a key and the simulator's secret, so it is its owner's alone. It is written anew at each start; what is in it
stays the same from start to start, but for the ports.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from worker.dev.private_file import write_privately

OF_THE_SHELL = ("REDIS_PREFIX", "DEFAULT_CALL_WINDOW")
"""Settings that commands must share with the processes, which have them from the shell ``up`` was started in."""


def write_env(path: Path, environment: Mapping[str, str], *, api: str, token: str, ids: Mapping[str, str]) -> None:
    """Write it: ``environment`` is what the dialer's processes were given; ``api`` and ``token`` are for curl; ``ids``
    are variables of the shell alone."""
    exported = {name: os.environ.get(name, "") for name in OF_THE_SHELL} | dict(environment)
    headers = {
        "API": api,
        "AUTH": f"Authorization: Bearer {token}",
        "JSON": "Content-Type: application/json",
    }
    folder = shlex.quote(str(programs()))
    lines = [
        f"# For sh, bash and zsh: . {shlex.quote(str(path))}",
        *(f"export {name}={shlex.quote(value)}" for name, value in exported.items()),
        '# For curl: curl $API/campaigns -H "$AUTH" -H "$JSON" -d \'{…}\'',
        *(f"{name}={shlex.quote(value)}" for name, value in headers.items()),
        "# What the first start made, for a first campaign.",
        *(f"{name}={shlex.quote(value)}" for name, value in ids.items()),
        '[ -z "${ZSH_VERSION-}" ] || setopt interactive_comments',  # or it takes the comments of pasted lines for words
        f'case ":$PATH:" in *:{folder}:*) ;; *) export PATH={folder}:"$PATH" ;; esac',
    ]
    write_privately(path, "".join(f"{line}\n" for line in lines))


def programs() -> Path:
    """The folder in which ``dialer`` and ``celery`` of this installation are."""
    found = (
        Path(sys.executable).parent,
        Path(sysconfig.get_path("scripts")),
        Path(shutil.which("dialer") or "").parent,
    )
    return next((folder for folder in found if (folder / "dialer").exists()), found[0]).absolute()
