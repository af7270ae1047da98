"""Write the files of a new study: an example to run and to change."""

import argparse
import os
from pathlib import Path

from regrade.commands import parameters
from regrade.core.errors import UserError

EXAMPLES = """\
regrade new-study my_study
"""
# A whole study of the name _EXAMPLE
SKELETON, _EXAMPLE = Path(__file__).parent / "skeleton", "my_study"
_NEXT = """
Replace the example in these files with what your source did, stated and claimed (docs/new-study.md explains how), then

  regrade check {study} --configfile {study}.yaml
  snakemake --configfile {study}.yaml -- reports/{study}/index.html
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `regrade new-study`."""
    parser.add_argument("name", metavar="NAME", help="lower-case letters, digits and underscores")


def run(options: argparse.Namespace) -> int:
    """Write the files, name them, and say what to do next."""
    parameters.require_project()
    for file in write(options.name):
        print(os.path.relpath(file))
    print(_NEXT.format(study=options.name), end="")
    return 0


def write(study: str) -> list[Path]:
    """Write the files of a study of this name: an overlay of params.yaml, and what is in the study's folder.

    UserError for a name that is not one, or is taken. Nothing is overwritten, and all of it is written or nothing.
    """
    from regrade.config import studies
    from regrade.core.files import write_text

    _check(study)
    folder = studies.folder(study)
    files = {Path(f"{study}.yaml"): "overlay.yaml"}
    files |= {folder / name: name for name in ("reported.csv", "claims.yaml", "report.md.j2")}
    for path in (folder, *files):
        if path.exists():
            raise UserError(f"{os.path.relpath(path)} exists already; choose another name than {study!r}")
    try:
        for path, name in files.items():
            write_text(path, (SKELETON / name).read_text("utf-8").replace(_EXAMPLE, study))
    except BaseException:
        # None of them was there before
        for path in files:
            path.unlink(missing_ok=True)
        if folder.exists():
            folder.rmdir()
        raise
    return list(files)


def _check(study: str) -> None:
    from pydantic import TypeAdapter, ValidationError

    from regrade.config import overlays, params
    from regrade.config.types import Name
    from regrade.core import yaml_files

    try:
        TypeAdapter(Name).validate_python(study)
    except ValidationError:
        raise UserError(
            f"a study cannot be called {study!r}; take up to 64 of a-z, 0-9 and _, a letter first"
        ) from None
    if not isinstance(yaml_files.parse(study, study), str):
        raise UserError(f"YAML reads {study!r} as a value, not as a name; choose another")
    if study in params.NOT_STUDIES:
        raise UserError(f"the name {study!r} is taken by {params.NOT_STUDIES[study]}; choose another")
    if study in (overlays.of_file(overlays.BASE).get("studies") or {}):
        raise UserError(f"params.yaml has a study {study!r} already; choose another name")
