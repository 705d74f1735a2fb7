"""What ``celery -A worker`` looks for: the app, after one look at the settings.

Settings that are wrong end the command here with one message; further in, Celery would make a traceback of it.
"""

import sys

from worker import logs
from worker.domain.errors import Refused
from worker.settings import settings
from worker.stopping import stop
from worker.tasks import app
from worker.timer import start
from worker.watchdog import watch

try:
    settings()
except Refused as error:
    print(f"dialer: {error}", file=sys.stderr)
    sys.exit(error.exit_code)

logs.shield_stdout()

__all__ = ["app", "start", "stop", "watch"]
