"""Many commands in one process, for starting Python takes longer than what they do.

``python -m tests.cli.several`` reads a JSON list of ``[arguments, standard input]`` and answers with one of
``[exit code, standard output, standard error]``.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys

from worker.cli import main


def end(arguments: list[str], given: str) -> tuple[int, str, str]:
    """How one command ends, and what it says."""
    said, complained = io.StringIO(), io.StringIO()
    sys.argv, sys.stdin = ["dialer", *arguments], io.StringIO(given)
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return code, said.getvalue(), complained.getvalue()


if __name__ == "__main__":
    print(json.dumps([end(arguments, given) for arguments, given in json.load(sys.stdin)]))
