"""A PostgreSQL of our own on a private unix socket, ready in well under a second.

No TCP, and trust for whoever can open the socket: it lies in a directory that only its owner can enter.

As root it runs as another user, for PostgreSQL refuses root. That user often cannot enter the directories
above ours (``/root`` is closed), and we never change the permissions of a directory we did not make. Two ways
around:

* The programs, if out of reach, are copied into the workspace (:func:`worker.dev.binaries.within_reach`).
* A data directory out of reach is entered by us, before the change of user, and PostgreSQL is started with
  its data in ``/proc/self/cwd``: a process may use the directory it stands in, whatever lies above.

``durable=False`` waits for no disk. What is committed still survives the death of every process, for it is in
the kernel's hands; ``synchronous_commit`` stays on, since without fsync it costs next to nothing, and a test
that kills the server must not lose what it committed. Only the death of the machine loses data.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from urllib.parse import quote

import psycopg

from worker.dev.accounts import Account, can_enter
from worker.dev.binaries import PostgresPrograms, find_postgres, within_reach
from worker.dev.process import Child, Ending
from worker.dev.server import EmbeddedServer
from worker.dev.workspace import Workspace
from worker.domain.errors import Unavailable

USER = "dialer"
DATABASE = "postgres"
PORT = 5432  # names the socket; said in the URL, or PGPORT of the environment would decide
INITDB_SECONDS = 60.0
IPC_RMID = 0  # the same number on Linux and macOS

# Fast shutdown (SIGINT) writes a checkpoint; immediate (SIGQUIT) leaves it to recovery. The parent's death
# is answered with SIGQUIT, for nobody is left to wait: the postmaster ends its backends itself, with SIGKILL
# after 5 s, and gives back its shared memory, which SIGKILL for the postmaster would leave behind.
SERVER_ENDING = Ending(((signal.SIGINT, 20.0), (signal.SIGQUIT, 8.0)), signal.SIGQUIT, 8.0)
INITDB_ENDING = Ending(((signal.SIGTERM, 3.0),), signal.SIGTERM, 3.0)

SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "shared_buffers": "128MB",
    "huge_pages": "off",
    # /dev/shm is 64 MB in a container, and what a killed server leaves there outlives our directory
    "dynamic_shared_memory_type": "mmap",
    "jit": "off",
    "autovacuum": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "logging_collector": "off",
    "log_destination": "stderr",
}
WAIT_FOR_NO_DISK = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


class EmbeddedPostgres(EmbeddedServer):
    """One PostgreSQL server; see :class:`EmbeddedServer`. ``data_dir`` is the cluster's directory."""

    title = "PostgreSQL"

    def __init__(
        self,
        data_dir: Path | None = None,
        *,
        durable: bool,
        max_connections: int = 100,
        workspace: Workspace | None = None,
        log_path: Path | None = None,
        pass_fds: Collection[int] = (),
    ) -> None:
        super().__init__(data_dir, durable=durable, workspace=workspace, log_path=log_path, pass_fds=pass_fds)
        self._max_connections = max_connections

    @property
    def url(self) -> str:
        """The address of the server's database in libpq's form, which SQLAlchemy takes, too."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        """The address of another database of this server, such as a clone made for one test run."""
        host = quote(str(self.socket_directory), safe="")
        return f"postgresql:///{quote(database, safe='')}?host={host}&port={PORT}&user={USER}"

    @property
    def socket_directory(self) -> Path:
        return self.workspace.directory / "postgres"

    def _launch(self) -> Child:
        programs = within_reach(find_postgres(), self.workspace.account, self.workspace.directory)
        if not (self.data_dir / "PG_VERSION").exists():
            self._initialise(programs)
        _make_private(self.socket_directory, self._account())
        settings = SETTINGS | {
            "max_connections": str(self._max_connections),
            "unix_socket_directories": str(self.socket_directory),
        }
        if not self._durable:
            settings |= WAIT_FOR_NO_DISK
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return self._run("postgres", [str(programs.postgres), *arguments], self.data_dir, SERVER_ENDING)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _end(self) -> None:
        server = self._server
        super()._end()
        if server is not None:
            _free_shared_memory(self.data_dir, server.pid)

    def _initialise(self, programs: PostgresPrograms) -> None:
        """Make the cluster beside its place and move it there whole: an initdb cut short must not leave a
        directory that looks like a cluster."""
        if self.data_dir.exists() and any(self.data_dir.iterdir()):
            raise Unavailable(f"{self.data_dir} holds something else than PostgreSQL's data; name another.")
        unfinished = self.data_dir.with_name(f"{self.data_dir.name}.initdb")
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(unfinished, ignore_errors=True)
        _make_private(unfinished, self.workspace.account)
        initdb = self._run("initdb", _initdb_argv(programs, self._durable), unfinished, INITDB_ENDING)
        succeeded = initdb.wait(INITDB_SECONDS) and initdb.exit_code == 0
        self.workspace.stop(initdb)
        if not succeeded:
            raise Unavailable(f"PostgreSQL's data could not be initialised: {initdb.last_words()}")
        unfinished.rename(self.data_dir)

    def _run(self, name: str, argv: list[str], data: Path, ending: Ending) -> Child:
        """Run a program on ``data``, standing in it, and call it by a name that the account can use."""
        account = self._account()
        is_in_reach = can_enter(data.parent, account) or sys.platform != "linux"
        return self.workspace.start(
            name,
            [*argv, "-D", str(data) if is_in_reach else "/proc/self/cwd"],
            env=_environment(os.environ),
            cwd=data,
            log_path=self._log_path,
            account=account,
            ending=ending,
            pass_fds=self._pass_fds,
        )

    def _account(self) -> Account | None:
        """Whom to run as: the owner of the data, once there is data, for nobody else could open it. (Data
        that root owns, a copy perhaps, is left for PostgreSQL to refuse.)"""
        account = self.workspace.account
        if account is None or not (self.data_dir / "PG_VERSION").exists():
            return account
        return Account(self.data_dir.stat().st_uid or account.user_id, account.group_id)


def _initdb_argv(programs: PostgresPrograms, durable: bool) -> list[str]:
    """UTF-8 in code-point order. Where PostgreSQL brings such a locale itself (17 and newer), its ``lower``
    and ``ILIKE`` know letters beyond ASCII."""
    argv = [str(programs.initdb), "-U", USER, "-A", "trust", "--encoding=UTF8", "--locale=C"]
    if programs.major_version >= 17:
        argv += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return argv if durable else [*argv, "--no-sync"]


def _make_private(directory: Path, account: Account | None) -> None:
    directory.mkdir(mode=0o700, exist_ok=True)
    if account is not None:
        account.give(directory)


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Ours without PG*, which would lead the server elsewhere, and with messages in English, for we quote its
    log. (On macOS another locale would start a thread, and the server refuses to run with one.)"""
    return {name: value for name, value in ours.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def _free_shared_memory(data_dir: Path, postmaster: int) -> None:
    """Give back the System V segment of a postmaster that was killed.

    It is 56 bytes, but a system has room for 4096 of them. ``postmaster.pid``, a file that a postmaster
    removes if it can, says whose it is (first line: ours, or of one that runs and kept ours from starting),
    and which segment (seventh line: key and id).
    """
    with contextlib.suppress(OSError, IndexError, ValueError):
        lines = (data_dir / "postmaster.pid").read_text(encoding="ascii", errors="replace").splitlines()
        if int(lines[0]) == postmaster:
            ctypes.CDLL(None).shmctl(int(lines[6].split()[1]), IPC_RMID, None)
