"""The command line: python -m regrade <command>, in the folder of params.yaml; --help lists the commands."""

import argparse
import sys
from collections import Counter
from pathlib import Path

from regrade.cells import expansion, prune
from regrade.config import overlays, params
from regrade.config.params import Params
from regrade.core.errors import UserError
from regrade.core.files import write_json
from regrade.runtime.logs import explain
from regrade.statistics import references


def main(arguments: list[str] | None = None) -> int:
    """Run a command; the process's exit status. Mistakes of the user are one sentence on stderr."""
    changes = argparse.ArgumentParser(add_help=False)
    changes.add_argument(
        "--configfile", "--configfiles", nargs="+", default=[], metavar="FILE", help="overlays of params.yaml"
    )
    changes.add_argument("--config", "-C", nargs="*", default=[], metavar="KEY=VALUE", help="single parameters")
    parser = argparse.ArgumentParser(prog="python -m regrade", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    helps = {
        "cells": "list every cell that the parameters ask for, with its state and folder",
        "model": "load the weights that a cell keeps, and score them again on the rows that it was evaluated on",
        "prune": "delete results that no cell of params.yaml names, at whichever scale, after showing them",
        "report": "make the reports from whatever cells exist, without training any",
        "audit": "judge made-up runs of a study's cells: how often a verdict would be wrong, and how often right",
        "schema": "write the JSON schema of params.yaml",
        "docs": "write the tables of docs/ that say what the parameters are",
        "dvc": "write dvc.yaml from params.yaml",
        "protocol": "write what each study's source did, by which its cells are judged, from params.yaml",
    }
    parsers = {name: commands.add_parser(name, help=text, parents=[changes]) for name, text in helps.items()}
    parsers["prune"].add_argument("--yes", action="store_true", help="do not ask")
    parsers["model"].add_argument("folders", type=Path, nargs="+", help="cells' folders, as `cells` lists them")
    parsers["audit"].add_argument("studies", nargs="+", metavar="STUDY")
    parsers["audit"].add_argument("--worlds", type=int, help="how many (audit_worlds of params.yaml)")
    options = parser.parse_args(arguments)
    try:
        return _run(options)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if (sentence := explain(error)) is None:
            raise
        print(f"Error: {sentence}", file=sys.stderr)
        return 1


def _run(options: argparse.Namespace) -> int:
    if options.command == "schema":
        write_json(params.schema_path(), params.schema(), sealed=False)
        return 0
    if options.command == "docs":
        from regrade.reporting.exports import docs

        docs.write()
        return 0
    parameters = params.parse(overlays.merged(options.configfile, options.config))
    match options.command:
        case "cells":
            return _list(parameters)
        case "model":
            return _score(options.folders, parameters)
        case "prune":
            return _prune(parameters, options.yes)
        case "audit":
            return _audit(
                options.studies,
                parameters,
                parameters.present_audit_worlds if options.worlds is None else options.worlds,
            )
        case "dvc":
            from regrade.reporting.exports import dvc_pipeline

            dvc_pipeline.write(parameters)
            return 0
        case "protocol":
            from regrade.reporting.exports import protocol

            protocol.write(parameters)
            return 0
        case _:
            from regrade.reporting import report

            print(f"The report: {report.write_all(parameters)}")
            return 0


def _list(parameters: Params) -> int:
    every, damages = expansion.expand(parameters), []
    states: Counter[str] = Counter()
    references.check(parameters, every)
    for cell in every:
        try:
            state: str = cell.status
        except UserError as error:
            state = "damaged"
            damages.append(error)
        states[state] += 1
        print(f"{state:9s} {cell.folder}")
    counts = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    print(f"{len(every)} cells at scale {parameters.scale}: {counts}", file=sys.stderr)
    for damage in damages:
        print(f"Error: {damage}", file=sys.stderr)
    return 1 if damages else 0


def _score(folders: list[Path], parameters: Params) -> int:
    from regrade.training import scoring

    for folder in folders:
        if len(folders) > 1:
            print(f"{folder}:")
        for score in scoring.scores(folder, parameters):
            print(score)
    return 0


def _audit(studies: list[str], parameters: Params, worlds: int) -> int:
    from regrade.statistics import audit

    if worlds < 1:
        raise UserError(f"--worlds is {worlds}; give at least 1")
    every = expansion.expand(parameters)
    references.check(parameters, every)
    for study in studies:
        if study not in parameters.studies:
            raise UserError(f"params.yaml has no study {study!r}; it has {', '.join(parameters.studies)}")
        print(audit.as_text(audit.audit(study, parameters, every, worlds)))
    return 0


def _prune(parameters: Params, yes: bool) -> int:
    unnamed = prune.unnamed(parameters)
    for path in unnamed:
        print(f"{prune.size(path) / 1e6:9.2f} MB  {path}")
    if not unnamed:
        print("Nothing to delete.")
        return 0
    print(f"{sum(map(prune.size, unnamed)) / 1e6:9.2f} MB in all")
    if not yes and (not sys.stdin.isatty() or input("Delete all of these? [y/N] ").strip().lower() != "y"):
        print("Nothing was deleted; `prune --yes` deletes without asking.")
        return 0
    prune.delete(unnamed)
    print(f"Deleted {len(unnamed)} files and folders.")
    return 0
