"""python -m regrade, by the package of the project at hand."""

import signal
import sys

from regrade.core import checkout
from regrade.core.errors import UserError

if __name__ == "__main__":
    # As other tools do when what reads their output has seen enough
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        checkout.run_own()
    except UserError as error:
        sys.exit(f"Error: {error}")

    from regrade import cli  # not before: another checkout's modules may not even be importable

    sys.exit(cli.main())
