"""Snakemake again, from inside a job of its own: a round of `snakemake settle`.

It is given what the first one was given on the command line and by profiles, but for targets and parameters. It runs
without a lock, since the first one holds it, and ends with the job that started it, however that ends.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from snakemake import cli

from regrade.core.errors import UserError
from regrade.jobs import plan

# How often it is told how much time has passed
TELL_SECONDS = 5.0


def arguments() -> Namespace:
    """What Snakemake was given, by its own parser."""
    _, given = cli.parse_args(plan.arguments())
    return given


def jobs_at_once(given: Namespace) -> int | None:
    """How many jobs Snakemake submits to a cluster; None where they run here, on its cores."""
    return None if (given.executor or "local") == "local" else int(given.jobs)


def cores(given: Namespace) -> int:
    """The cores that jobs share here."""
    return int(given.cores or given.jobs)


def run(config: dict[str, Any], seconds: float, tell: Callable[[float], None], targets: Sequence[str] = ()) -> bool:
    """Make these files, or everything, with these parameters, but stop after `seconds`; whether it came to its end.

    When it stops, running jobs end as by Ctrl-C, and what they have trained is kept. `tell`: is told now and then how
    many seconds have passed. UserError where something fails.
    """
    planned = plan.with_parameters(config)
    sys.stdout.flush()
    begun = time.monotonic()
    command = [sys.executable, "-m", __name__, str(planned), str(os.getpid()), *targets]
    # What is printed goes to this job's log, which has stdout's place
    process = subprocess.Popen(
        command,
        env=os.environ | {"PYTHONPATH": str(plan.SCRIPTS)},
        stdin=subprocess.DEVNULL,
        stdout=sys.stdout,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        # Whoever starts processes in the background may have them ignore Ctrl-C, by which a round is stopped
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        while (left := begun + seconds - time.monotonic()) > 0:
            try:
                code = process.wait(min(left, TELL_SECONDS))
            except subprocess.TimeoutExpired:
                continue
            finally:
                tell(min(time.monotonic() - begun, seconds))
            if code:
                raise UserError("a round failed; its messages are in the log of this job. Run again to go on")
            return True
        tell(seconds)
        return False
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            process.wait()


def main(planned: str, parent: int, targets: Sequence[str]) -> None:
    """Run Snakemake as planned in this file, for the job of this process; everything without targets."""
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    os.environ[plan.VARIABLE] = planned
    parser, given = cli.parse_args(plan.arguments())
    given.targets, given.force, given.forceall = set(targets), False, False
    given.forcerun, given.until, given.omit_from, given.prioritize = set(), set(), set(), set()
    given.configfile, given.config, given.nolock = [Path(planned)], None, True
    sys.exit(0 if cli.args_to_api(given, parser) else 1)


def _end_with(parent: int) -> None:
    """End this process and its jobs as by Ctrl-C when `parent` has ended."""
    while os.getppid() == parent:
        time.sleep(1)
    os.killpg(os.getpgid(0), signal.SIGINT)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
