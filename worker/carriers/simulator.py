"""``python -m worker.carriers.simulator``: the name by which the simulator was started before it was a program of its
own. Write ``python -m worker.simulator``."""

import runpy

if __name__ == "__main__":
    runpy.run_module("worker.simulator", run_name="__main__", alter_sys=True)
