"""regrade <command>: which commands there are, and how one is run."""

import argparse
import inspect
import sys
from types import ModuleType
from typing import Any

import argcomplete

from regrade.commands import (
    audit,
    cells,
    check,
    cost,
    docs,
    dvc,
    grade,
    merge,
    model,
    new_study,
    next_seeds,
    parameters,
    protocol,
    prune,
    reference,
    rename,
    report,
    schema,
    status,
)
from regrade.runtime.logs import explain

# By the names that users type. A module has a docstring whose first line is its help, EXAMPLES, `add_arguments(parser)`
# and `run(options)`, which returns the exit status; it may have INTERRUPTED, a sentence to print after Ctrl-C. It
# imports what it works with inside `run`: help and completion must not wait for that
COMMANDS: dict[str, ModuleType] = {
    "new-study": new_study,
    "check": check,
    "cells": cells,
    "cost": cost,
    "status": status,
    "next": next_seeds,
    "report": report,
    "grade": grade,
    "merge": merge,
    "reference": reference,
    "audit": audit,
    "model": model,
    "prune": prune,
    "rename": rename,
    "protocol": protocol,
    "schema": schema,
    "docs": docs,
    "dvc": dvc,
}
DESCRIPTION = "Run deep-learning coursework reports again from raw data, and grade what they claimed."
EXAMPLES = """\
regrade new-study my_study    # start a study of your own
regrade grade my_study runs.csv    # grade runs from elsewhere
regrade cells                 # what the parameters ask for, and what is trained
regrade cost                  # how long the training will take, before it begins
regrade status --watch        # how far the training is, while it runs
regrade cells --help          # a command's arguments, with examples
"""


def main(arguments: list[str] | None = None) -> int:
    """Run a command; the process's exit status. Mistakes of the user are one sentence on stderr."""
    of_all = parser()
    argcomplete.autocomplete(of_all)
    options = of_all.parse_args(arguments)
    try:
        return int(COMMANDS[options.command].run(options))
    except KeyboardInterrupt:
        if sentence := getattr(COMMANDS[options.command], "INTERRUPTED", ""):
            print(sentence, file=sys.stderr)
        return 130
    except Exception as error:
        if (sentence := explain(error)) is None:
            raise
        print(f"Error: {parameters.placed(sentence, options)}", file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; the name of the chosen one is in `command`."""
    of_all = argparse.ArgumentParser(prog="regrade", description=DESCRIPTION, **_with_examples(EXAMPLES))
    commands = of_all.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    for name, module in COMMANDS.items():
        about = inspect.getdoc(module) or ""
        command = commands.add_parser(
            name, help=about.split("\n")[0], description=about, **_with_examples(module.EXAMPLES)
        )
        module.add_arguments(command)
    return of_all


def _with_examples(examples: str) -> dict[str, Any]:
    indented = "".join(f"  {line}\n" for line in examples.splitlines())
    return {"epilog": f"examples:\n{indented}", "formatter_class": argparse.RawDescriptionHelpFormatter}
