"""PostgreSQL and Valkey without installing either: for ``dialer up``, ``dialer demo`` and the tests.

::

    with Stack() as stack:          # both are ready, in well under a second
        stack.postgres.url          # postgresql:///postgres?host=%2Ftmp%2F…&port=5432&user=dialer
        stack.valkey.url            # unix:///tmp/… for redis-py
        stack.valkey.broker_url     # redis+socket:///tmp/… for Celery
        stack.spawn("web", [sys.executable, "-m", "…"], stack.environment)
        stack.wait()                # until one of the spawned ends

Where to look:

* :mod:`worker.dev.stack` — ``Stack(directory=None, *, durable=False)``: both servers and further processes.
* :mod:`worker.dev.postgres` — ``EmbeddedPostgres(data_dir=None, *, durable)``: ``url``, ``url_of(database)``.
* :mod:`worker.dev.valkey` — ``EmbeddedValkey(data_dir=None, *, durable)``: ``url``, ``broker_url``.
* :mod:`worker.dev.server` — what both can do: ``start stop kill restart is_running``.
* :mod:`worker.dev.workspace` — the private directory of the sockets, and the janitor that clears it.
* :mod:`worker.dev.process` — one child process: how it starts, how it ends.
* :mod:`worker.dev.binaries` — where the servers' programs are found.

What holds: **nothing is left** — no process, no file — after a normal end, Ctrl-C, SIGTERM or kill -9 of the
process that opened the stack. Two mechanisms, each enough for the processes on Linux: every child asks the
kernel for a signal at its parent's death (:mod:`worker.dev.launcher`), and a janitor process, which sees its
pipe close, ends what still lives and removes the temporary directory (:mod:`worker.dev.janitor`). Only a
directory the caller named stays, and its servers have the same addresses at every start.

What does not: where there is no ``prctl`` (macOS) the janitor alone does the work, so killing *both* the
parent and the janitor leaves servers behind; on Linux it leaves the directory. A descendant that leaves its
session *and* outlives its own parent is known to nobody; neither server nor Celery makes such.

This module imports nothing: the launcher and the janitor start through it, and their start-up time is ours.
"""
