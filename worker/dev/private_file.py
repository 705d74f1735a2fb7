"""A file that its owner alone may read: a secret, or what leads to one."""

from __future__ import annotations

import os
from pathlib import Path


def write_privately(path: Path, content: str) -> None:
    """Whole or not at all, and for its owner alone."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
