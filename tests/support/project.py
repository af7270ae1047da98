"""A copy of the workflow in a folder of its own, and a way to run its front doors there."""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml
from regrade.core import checkout

os.environ["KERAS_BACKEND"] = "torch"  # read when Keras is imported
ROOT = Path(__file__).resolve().parents[2]
# Has the command regrade
CONSOLE = ROOT / "tests/support/bin"
checkout.require(ROOT / "workflow/scripts")

# A small version of the whole: nine cells instead of 78, on a few rows of built-in data
SMALL = {
    "scale": "small",
    "seeds": [0, 1],
    "device": "cpu",
    "audit_worlds": 2,
    "scales": {"small": {"data": "stand_in", "at_most": {"epochs": 2, "train_rows": 96, "test_rows": 50}}},
    "studies": {
        "ce4042": {
            "experiments": {
                "a1_baseline": {"settings": {"filters1": 3, "filters2": 4, "batch_size": 32}},
                "a2_filters": {"grid": {"filters1": [2, 3], "filters2": [4]}},
                "a3_optimizers": {
                    "select": {"winner": "measured"},
                    "cells": [
                        {"optimizer": "adam", "momentum": 0, "dropout": 0},
                        {"optimizer": "sgd", "momentum": 0, "dropout": 0.5},
                    ],
                },
                "a3_our_winner": {"cells": [{"optimizer": "sgd", "momentum": 0, "dropout": 0.5}]},
                "b1_b5_models": {"grid": {"level": ["word"], "network": ["cnn", "gru"], "dropout": [0]}},
                "b6_recurrent": {"grid": {"level": ["char"], "rnn_cell": ["lstm"], "layers": [2], "clip_value": [2]}},
            }
        }
    },
}


def merged(*layers: dict) -> dict:
    """Mappings merged as Snakemake merges configuration files: later ones win, lists are replaced."""
    result: dict = {}
    for layer in layers:
        for key, value in layer.items():
            both = isinstance(value, dict) and isinstance(result.get(key), dict)
            result[key] = merged(result[key], value) if both else value
    return result


@dataclass
class Project:
    """A working copy of the workflow."""

    folder: Path

    def overlay(self, *layers: dict) -> str:
        """Write layers as one overlay of params.yaml; its file name."""
        (self.folder / "overlay.yaml").write_text(yaml.safe_dump(merged(*layers), sort_keys=False))
        return "overlay.yaml"

    def run(self, *command: str, **options) -> subprocess.CompletedProcess:
        """Run a command in the working copy; stdout and stderr together in `stdout`."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            **options,
        )

    @property
    def environment(self) -> dict[str, str]:
        """The environment of commands: this Python's tools, and the package of the working copy."""
        path = os.pathsep.join([str(CONSOLE), str(Path(sys.executable).parent), os.environ["PATH"]])
        # As users have it: a run has dozens of jobs, which need not all compile the package
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return inherited | {"PATH": path, "PYTHONPATH": str(self.folder / "workflow/scripts")}

    def snakemake(self, *targets: str, options: tuple = (), overlay: dict = SMALL) -> subprocess.CompletedProcess:
        """Run Snakemake on the small version, or on params.yaml with another overlay."""
        return self.run("snakemake", "--cores", "2", *options, "--configfile", self.overlay(overlay), "--", *targets)

    def start(self, *targets: str, overlay: dict = SMALL) -> subprocess.Popen:
        """Start Snakemake as a terminal does: in a process group of its own, and to be stopped by Ctrl-C.

        Tests that run in the background of a shell ignore Ctrl-C, and so would all that they start.
        """
        command = ["snakemake", "--cores", "1", "--configfile", self.overlay(overlay), "--", *targets]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def regrade(self, *arguments: str, overlay: dict = SMALL) -> subprocess.CompletedProcess:
        """Run a command of regrade on the small version."""
        return self.run("regrade", *arguments, "--configfile", self.overlay(overlay))

    def find(self, pattern: str) -> list[Path]:
        """Files in the working copy."""
        return sorted(self.folder.glob(pattern))


def copy_code(folder: Path, *without: str) -> None:
    """All that the workflow needs but params.yaml, in `folder`, except what is called as in `without`."""
    for name in ("workflow", "profiles"):
        ignored = shutil.ignore_patterns("__pycache__", *without)
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("Snakefile", "CITATION.cff", "LICENSE"):
        shutil.copy2(ROOT / name, folder)


def copy_workflow(folder: Path, studies: tuple[str, ...] = ("ce4042",)) -> Project:
    """The workflow's files in `folder`, with these studies in its params.yaml."""
    copy_code(folder)
    config = yaml.safe_load((ROOT / "params.yaml").read_text())
    config["studies"] = {name: config["studies"][name] for name in studies}
    (folder / "params.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return Project(folder)
