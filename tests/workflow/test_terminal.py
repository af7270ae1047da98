"""The profile shows bars of progress in a terminal, and Snakemake's own lines elsewhere."""

import os
import pty
import re
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest
from support.project import Project
from support.tiny import LONG, sweep, tiny

BARS, LINES = "Workflow Progress", "Building DAG of jobs..."


class Terminal:
    """A command in a terminal of its own, and what that shows."""

    def __init__(self, project: Project, *command: str, kind: str = "xterm"):
        self.end, there = pty.openpty()
        self.process = subprocess.Popen(
            command,
            cwd=project.folder,
            env=project.environment | {"TERM": kind, "COLUMNS": "100", "LINES": "30"},
            stdin=there,
            stdout=there,
            stderr=there,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        os.close(there)
        self.text = ""

    def read(self, until: str = "") -> str:
        """All that is shown until this text, or until the command ends."""
        with suppress(OSError):  # the terminal is closed
            while not until or until not in self.text:
                shown = os.read(self.end, 10_000).decode(errors="replace")
                self.text += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
        return self.text


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return tiny(tmp_path_factory.mktemp("project"), sweep(grid={"width": [2]}))


@pytest.fixture
def installed() -> None:
    pytest.importorskip("snakemake_logger_plugin_rich")


def test_bars_in_a_terminal_and_lines_elsewhere(project: Project, installed: None):
    terminal = Terminal(project, "snakemake", "prepare_all", "--cores", "1")
    text = terminal.read()
    assert terminal.process.wait() == 0, text
    assert BARS in text and LINES not in text
    for kind, options in (("dumb", ()), ("xterm", ("-n",))):
        text = Terminal(project, "snakemake", "train_all", "--until", "prepare", *options, kind=kind).read()
        assert BARS not in text and LINES in text
    answer = project.snakemake("prepare_all", overlay={})
    assert answer.returncode == 0 and BARS not in answer.stdout and LINES in answer.stdout


def test_what_fails_is_said_between_the_bars(tmp_path: Path, installed: None):
    nowhere = {"a": {"urls": ["file:///nowhere"], "sha256": "0" * 64}}
    project = tiny(tmp_path, {"datasets": {"moons": {"files": nowhere}}})
    terminal = Terminal(project, "snakemake", "data/raw/moons/a", "--cores", "1")
    text = terminal.read()
    assert terminal.process.wait() == 1
    assert BARS in text and "could not get data/raw/moons/a" in text and "Traceback" not in text


def test_an_interrupted_run_gives_the_terminal_back(tmp_path: Path, installed: None):
    project = tiny(tmp_path, LONG)
    terminal = Terminal(project, "snakemake", "train_all", "--cores", "1")
    terminal.read(until="train")
    while not project.find("results/.state/*/heartbeat.json") and terminal.process.poll() is None:
        time.sleep(0.05)
    os.killpg(terminal.process.pid, signal.SIGINT)
    text = terminal.read()
    assert terminal.process.wait() == 1
    assert "Traceback" not in text
    status = Terminal(project, "regrade", "status", "--watch", "0.1")
    status.read(until="stopped")
    os.killpg(status.process.pid, signal.SIGINT)
    text = status.read()
    assert status.process.wait() == 130
    assert "Traceback" not in text and "stopped" in text
