"""What every script of a job does around its work."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from regrade.core import checkout
from regrade.jobs import plan
from regrade.runtime.logs import sentence, written

if TYPE_CHECKING:
    from snakemake.script import Snakemake


@contextmanager
def job(snakemake: "Snakemake") -> Iterator[None]:
    """Send all output of the block to the job's log; end the process with status 1 on an error.

    What the user can mend (see `explain`) is one sentence, in the log and on stderr; any other error has its traceback
    in the log. It is an error, too, to run another copy of the package, or other code than was planned.

    `snakemake`: what Snakemake gives a script by this name.
    """
    log, scripts = snakemake.log[0], Path(snakemake.scriptdir)
    try:
        with written(log):
            checkout.require(scripts)
            plan.hold(scripts / Path(str(sys.modules["__main__"].__file__)).name, snakemake.wildcards.get("study"))
            yield
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        print(f"Error: {sentence(error, log)}", file=sys.stderr)
        sys.exit(1)
