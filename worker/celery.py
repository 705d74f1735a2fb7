"""What ``celery -A worker`` looks for: the app, after one look at the settings and the rules of calling.

What is wrong with them ends the command here with one message; further in, Celery would make a traceback of it.
"""

import sys

from worker import logs
from worker.domain.errors import DialerError
from worker.domain.law import law
from worker.process import tasks
from worker.process.celery_app import app
from worker.process.settings import settings
from worker.process.startup import say
from worker.process.stopping import stop
from worker.process.timer import start
from worker.process.watchdog import watch, watch_beat

try:
    settings()
    law()
except DialerError as error:
    print(f"dialer: {error}", file=sys.stderr)
    sys.exit(error.exit_code)

logs.shield_stdout()

__all__ = ["app", "say", "start", "stop", "tasks", "watch", "watch_beat"]
