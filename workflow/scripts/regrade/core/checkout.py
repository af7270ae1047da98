"""Which copy of this package runs: that of the current project, whichever others are installed."""

import os
import sys
from pathlib import Path

from regrade.core.errors import UserError

PACKAGE = Path(__file__).resolve().parents[1]
# Where a project has its package
IN_PROJECT = Path("workflow/scripts/regrade")


def require(scripts: Path) -> None:
    """UserError when this package is not the one in the folder `scripts`."""
    if (scripts / PACKAGE.name).resolve() != PACKAGE:
        raise UserError(
            f"Python imports the package {PACKAGE.name} from {PACKAGE}, not from {scripts}: uninstall the former "
            f"(pip uninstall {PACKAGE.name}), or install this project's own (pip install --no-deps --editable .)"
        )


def prefer(scripts: Path) -> None:
    """Make child processes import the package from `scripts`. UserError when this process did not."""
    require(scripts)
    _put_first(scripts)


def run_own() -> None:
    """Start the command again with the package of the project in the working directory, if that is another copy.

    UserError when Python imports another copy even when told not to. Outside a project nothing happens.
    """
    own = IN_PROJECT.resolve()
    if not own.is_dir() or own == PACKAGE:
        return
    if os.environ.get("PYTHONPATH", "").split(os.pathsep)[0] == str(own.parent):
        require(own.parent)
    _put_first(own.parent)
    # Not the console command that may have been typed: an older package has no function for it
    os.execv(sys.executable, [sys.executable, "-m", PACKAGE.name, *sys.argv[1:]])


def _put_first(scripts: Path) -> None:
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(scripts), os.environ.get("PYTHONPATH"))))
