"""The parameters that a command is run with, given as to Snakemake: --configfile FILE… and --config KEY=VALUE…"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from regrade.core import checkout
from regrade.core.errors import UserError

if TYPE_CHECKING:
    from regrade.config.params import Params


def add(parser: argparse.ArgumentParser) -> None:
    """Let the user change params.yaml."""
    parser.add_argument(
        "--configfile",
        "--configfiles",
        nargs="+",
        default=[],
        action=_Once,
        metavar="FILE",
        help="overlays of params.yaml",
    )
    parser.add_argument(
        "--config", "-C", nargs="*", default=[], action=_Once, metavar="KEY=VALUE", help="single parameters"
    )


class _Once(argparse.Action):
    """Refuses an option that is given twice, of which argparse would silently take the last only."""

    def __call__(
        self, parser: argparse.ArgumentParser, options: argparse.Namespace, values: object, option: str | None = None
    ) -> None:
        if getattr(options, self.dest) is not self.default:
            parser.error(f"{option} is there twice, and only the last would count; write one, with all values after it")
        setattr(options, self.dest, values)


def add_cores(parser: argparse.ArgumentParser) -> None:
    """Let the user say how many cores jobs share."""
    parser.add_argument(
        "--cores", type=int, metavar="N", help="cores that jobs share, as for Snakemake; all of this machine if absent"
    )


def read(options: argparse.Namespace) -> "Params":
    """params.yaml with the user's changes. UserError for a mistake in them, or outside of a project."""
    from regrade.config import overlays, params

    require_project()
    return params.parse(overlays.merged(options.configfile, options.config))


def require_project() -> None:
    """UserError when the working directory is not the folder of a project."""
    for needed in (Path("params.yaml"), checkout.IN_PROJECT):
        if not needed.exists():
            raise UserError(f"{Path.cwd()} has no {needed}; run this in the folder of a project, a clone of Regrade")


def require_study(study: str, params: "Params") -> None:
    """UserError when the parameters have no study of this name."""
    if study not in params.studies:
        from regrade.config.messages import no_study

        raise UserError(no_study(study, params.studies))


def placed(sentence: str, options: argparse.Namespace) -> str:
    """A sentence about a mistake of the user: about the overlay that has it, if it is in the user's parameters."""
    from regrade.config import places

    return places.placed(sentence, options.configfile, options.config) if "configfile" in options else sentence
