"""A Valkey (or Redis) of our own on a private unix socket; no TCP.

``durable=False`` keeps everything in memory. ``durable=True`` appends every write to a file, flushed to disk
once a second: a killed server loses nothing, a machine that dies loses about a second. The dialer is built so
that this content may vanish at any time.
"""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

from worker.dev.binaries import find_valkey
from worker.dev.process import Child, Ending
from worker.dev.server import EmbeddedServer

# What it has answered it has written, so SIGKILL at the parent's death loses nothing.
ENDING = Ending(((signal.SIGTERM, 10.0),), signal.SIGKILL)


class EmbeddedValkey(EmbeddedServer):
    """One Valkey server; see :class:`EmbeddedServer`. Without ``durable`` a kill or restart empties it."""

    title = "Valkey"

    @property
    def url(self) -> str:
        """The address for redis-py."""
        return f"unix://{self.socket_path}?db=0"

    @property
    def broker_url(self) -> str:
        """The address for Celery, that is kombu: another scheme, and another name for the database."""
        return f"redis+socket://{self.socket_path}?virtual_host=0"

    @property
    def socket_path(self) -> Path:
        return self.workspace.directory / "valkey.sock"

    def _launch(self) -> Child:
        program = find_valkey()
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings = {
            "port": "0",
            "unixsocket": str(self.socket_path),
            "unixsocketperm": "700",
            "dir": str(self.data_dir),
            "save": "",
            "appendonly": "yes" if self._durable else "no",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        arguments = [part for name, value in settings.items() for part in (f"--{name}", value)]
        return self.workspace.start(
            "valkey",
            [program, *arguments],
            env=os.environ,
            cwd=self.data_dir,
            log_path=self._log_path,
            ending=ENDING,
            pass_fds=self._pass_fds,
        )

    def _answers(self) -> bool:
        """While it still reads its file it answers PING with ``-LOADING``."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(5)
                connection.connect(str(self.socket_path))
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False
