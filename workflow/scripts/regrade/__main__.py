"""regrade, and python -m regrade: a command, run by the package of the project at hand."""

import signal
import sys

from regrade.core import checkout
from regrade.core.errors import UserError


def main() -> int:
    """Run the command in sys.argv; the process's exit status."""
    # As other tools do when what reads their output has seen enough
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        checkout.run_own()
    except UserError as error:
        sys.exit(f"Error: {error}")

    from regrade.commands import main  # not before: another checkout's modules may not even be importable

    return main.main()


if __name__ == "__main__":
    sys.exit(main())
