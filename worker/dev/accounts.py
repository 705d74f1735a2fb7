"""Whom PostgreSQL runs as when we are root: it refuses to run as root, and rightly so."""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from worker.domain.errors import Unavailable

PREFERRED_NAMES = ("postgres", "nobody")

# `nobody` is shared with every other service that chose it, and a process of the same user could open our
# socket, where trust is all that is required. This group belongs to no service: the directory above the socket
# lets only root and this group in. (65520-65533 is a range no distribution assigns.)
OWN_GROUP_ID = 65523


@dataclass(frozen=True, slots=True)
class Account:
    """A user and a group to run a process as. Supplementary groups are dropped."""

    user_id: int
    group_id: int

    def give(self, path: Path) -> None:
        """Make ``path`` this account's own."""
        self._change_owner(path, self.user_id)

    def let_pass(self, directory: Path) -> None:
        """Let this account's group go through a directory of ours; it cannot list it."""
        self._change_owner(directory, os.geteuid())
        directory.chmod(0o710)

    def _change_owner(self, path: Path, user_id: int) -> None:
        """Raises :class:`Unavailable` where the system does not let root do so (a container that maps a single
        user)."""
        try:
            os.chown(path, user_id, self.group_id)
        except OSError as error:
            raise Unavailable(
                f"PostgreSQL does not run as root, and here root may not hand {path} to another user "
                f"({error.strerror}); run as an ordinary user, or set DATABASE_URL to a server of your own."
            ) from error


def unprivileged_account() -> Account | None:
    """The account for PostgreSQL, or ``None`` if we are not root and need no other.

    The user must be in the user database: initdb looks its name up.
    """
    if os.geteuid() != 0:
        return None
    for name in PREFERRED_NAMES:
        try:
            return Account(pwd.getpwnam(name).pw_uid, OWN_GROUP_ID)
        except KeyError:
            continue
    raise Unavailable(
        "PostgreSQL does not run as root, and this system has no user named postgres or nobody; "
        "run as an ordinary user, or set DATABASE_URL to a server of your own."
    )


def can_enter(directory: Path, account: Account | None) -> bool:
    """Whether ``account`` (``None``: ourselves) can reach what lies in ``directory``, by the permission bits
    of it and of all its parents, as named and as links resolve. Access lists are not read."""
    if account is None:
        return True
    named, real = directory.absolute(), directory.resolve()
    return all(_lets_in(part.stat(), account) for part in (named, *named.parents, real, *real.parents))


def _lets_in(status: os.stat_result, account: Account) -> bool:
    if status.st_uid == account.user_id:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.group_id:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)
