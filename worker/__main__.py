"""``python -m worker``: the same as ``dialer``."""

from worker.cli import main

if __name__ == "__main__":
    main()
