from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
from pathlib import Path

from tests.dev.observing import SOURCE_ROOT, descendants, running, still_alive, wait_until
from tests.patience import PATIENCE_SECONDS
from worker.dev.process import Child, Ending, start

PARENT = """
import os, signal, sys
from pathlib import Path
from worker.dev.process import start
start("sleeper", ["sleep", "1000"], env=os.environ, cwd=Path("/"), log_path=Path(sys.argv[1]))
print("started", flush=True)
signal.pause()
"""


def start_in(directory: Path, *argv: str, ending: Ending | None = None) -> Child:
    return start("child", argv, env=os.environ, cwd=directory, log_path=directory / "child.log", ending=ending)


def test_a_child_dies_with_its_parent_without_any_janitor(tmp_path: Path) -> None:
    with running(PARENT, str(tmp_path / "log")) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "started\n"
        wait_until(lambda: any("1000" in it for it in still_alive(descendants(parent.pid))), "the child has begun")
        children = descendants(parent.pid)
        parent.kill()
    wait_until(lambda: not still_alive(children), "the child has ended")


def test_a_child_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    started: list[Child] = []
    thread = threading.Thread(
        target=lambda: started.append(start_in(tmp_path, "sh", "-c", "echo begun; exec sleep 1000"))
    )
    thread.start()
    thread.join()
    wait_until(lambda: "begun" in (tmp_path / "child.log").read_text(), "the child has begun")
    assert not started[0].wait(0.2)
    started[0].kill()
    assert started[0].exit_code == -signal.SIGKILL


def test_the_child_is_the_program_itself_with_exactly_the_environment_given(tmp_path: Path) -> None:
    child = start(
        "child",
        [
            sys.executable,
            "-c",
            "import os; print(os.getpid(), os.getsid(0), os.environ['A'], 'B' in os.environ)",
        ],
        env={"A": "a value", "PATH": os.environ["PATH"]},
        cwd=tmp_path,
        log_path=tmp_path / "log",
    )
    assert child.wait(PATIENCE_SECONDS)
    assert (tmp_path / "log").read_text() == f"{child.pid} {child.pid} a value False\n"


def test_a_program_that_cannot_be_run_says_why_in_its_log(tmp_path: Path) -> None:
    child = start_in(tmp_path, "/nowhere/program")
    assert child.wait(PATIENCE_SECONDS)
    assert child.exit_code == 127
    assert child.last_words() == "cannot run /nowhere/program: No such file or directory"


def test_stopping_ends_descendants_that_left_the_session(tmp_path: Path) -> None:
    script = "import os, signal; os.fork() or os.setsid(); print('ready', flush=True); signal.pause()"
    child = start_in(tmp_path, sys.executable, "-c", script)
    wait_until(lambda: (tmp_path / "child.log").read_text().count("ready") == 2, "both have begun")
    everybody = descendants(child.pid)
    assert len(everybody) == 1
    child.kill()
    assert still_alive(everybody) == []


def test_who_ignores_the_gentle_signal_is_killed_after_its_grace(tmp_path: Path) -> None:
    deaf = Ending(((signal.SIGTERM, 0.1),))
    child = start_in(tmp_path, "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done", ending=deaf)
    wait_until(lambda: "ready" in (tmp_path / "child.log").read_text(), "the child ignores the signal")
    child.stop()
    assert child.exit_code == -signal.SIGKILL


def test_the_last_words_are_the_fatal_ones_where_there_are_such(tmp_path: Path) -> None:
    early = "FATAL:  the database system is starting up"
    child = start_in(tmp_path, "printf", "%s\\n", "LOG:  starting", "FATAL:  no room", early, "LOG:  ended", "")
    assert child.wait(PATIENCE_SECONDS)
    assert child.last_words() == "FATAL:  no room"


def test_the_last_words_are_not_those_of_an_earlier_user_of_the_log(tmp_path: Path) -> None:
    (tmp_path / "child.log").write_text("FATAL:  long ago\n")
    child = start_in(tmp_path, "true")
    assert child.wait(PATIENCE_SECONDS)
    assert child.last_words() == "it said nothing"


IGNORED = "import signal; print([n for n in (1, 2, 3, 15) if signal.getsignal(n) is signal.SIG_IGN])"
STARTS_A_CHILD = """
import os, sys
from pathlib import Path
from worker.dev.process import start
log = Path(sys.argv[2])
start("child", [sys.executable, "-c", sys.argv[1]], env=os.environ, cwd=Path("/"), log_path=log).wait(10)
"""


def test_a_child_takes_signals_that_its_parent_was_made_to_ignore(tmp_path: Path) -> None:
    python = shlex.quote(sys.executable)
    starts = f"{python} -c {shlex.quote(STARTS_A_CHILD)} {shlex.quote(IGNORED)} {tmp_path / 'log'}"
    shell = f"trap '' HUP INT QUIT TERM; {python} -c {shlex.quote(IGNORED)}; exec {starts}"
    done = subprocess.run(["sh", "-c", shell], cwd=SOURCE_ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[1, 2, 3, 15]\n", "what the parent itself is left with"
    assert (tmp_path / "log").read_text() == "[]\n"
