"""The parameters that a command is run with, given as to Snakemake: --configfile FILE… and --config KEY=VALUE…"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from regrade.core.errors import UserError

if TYPE_CHECKING:
    from regrade.config.params import Params


def add(parser: argparse.ArgumentParser) -> None:
    """Let the user change params.yaml."""
    parser.add_argument(
        "--configfile", "--configfiles", nargs="+", default=[], metavar="FILE", help="overlays of params.yaml"
    )
    parser.add_argument("--config", "-C", nargs="*", default=[], metavar="KEY=VALUE", help="single parameters")


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
    if not Path("params.yaml").exists():
        raise UserError(f"{Path.cwd()} has no params.yaml; run this in the folder of a project, where params.yaml is")


def require_study(study: str, params: "Params") -> None:
    """UserError when the parameters have no study of this name."""
    if study not in params.studies:
        raise UserError(f"params.yaml has no study {study!r}; it has {', '.join(params.studies)}")
