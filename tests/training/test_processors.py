"""Runs have the same numbers alone, among others and resumed on the code paths of other processors, too.

The libraries choose their code by the processor. Variables make them take that of an older one, in a process of its
own: to PyTorch, oneDNN and MKL this machine is then another. What it cannot be is a newer one, or one of another make.
"""

import os
import platform
import subprocess
import sys

import pytest
import torch
from regrade.runtime import device, process
from support.project import ROOT

PROGRAM = ROOT / "tests/support/alone_or_stacked.py"
AS_IS: dict[str, str] = {}
PROCESSORS = {
    "as is": AS_IS,
    "no vector instructions in PyTorch": {"ATEN_CPU_CAPABILITY": "default"},
    "AVX2 in PyTorch": {"ATEN_CPU_CAPABILITY": "avx2"},
    "AVX2 in oneDNN": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "AVX2 in MKL": {"MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "the oldest code of MKL": {"MKL_CBWR": "COMPATIBLE"},
    "AVX2 everywhere": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_CBWR": "AVX2"},
}


def environment(**variables: str) -> dict[str, str]:
    others = {name: value for name, value in os.environ.items() if name not in device.VARIABLES[:5]}
    return others | {"PYTHONPATH": os.pathsep.join([str(ROOT / "workflow/scripts"), str(ROOT / "tests")])} | variables


def run(*arguments: str, **variables: str) -> str:
    command = [sys.executable, *arguments]
    answer = subprocess.run(command, env=environment(**variables), capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@pytest.mark.parametrize("name", PROCESSORS)
def test_alone_as_among_others_and_resumed(name: str):
    number = list(PROCESSORS).index(name)  # other networks for each, so that all of them together try many
    *differing, last = run(str(PROGRAM), str(number), str(number + 1), **PROCESSORS[name]).splitlines()
    assert not differing, "\n".join(differing)
    tried, stacked = (int(word) for word in last.split() if word.isdigit())
    assert tried == 18
    if platform.machine() == "x86_64":
        assert stacked >= tried / 4, "nearly all of them would be compared with themselves"


SHOW = """
import torch
from regrade.runtime import process
from regrade.training import stacking
from support.runs import CPU, MLP, configuration
process.set_up({threads})
print(stacking.stacked(configuration(MLP), CPU))
"""


@pytest.mark.parametrize(
    ("threads", "variables"),
    [(2, {}), (1, {"MKL_CBWR": "OFF"}), (1, {"MKL_CBWR": "off"})],
    ids=["threads", "off", "Off"],
)
def test_what_could_not_promise_it_is_trained_run_by_run(threads: int, variables: dict):
    assert run("-c", SHOW.format(threads=threads), **variables).strip() == "False"


@pytest.mark.skipif(not torch.backends.mkl.is_available(), reason="products are not MKL's here")
def test_the_reproducible_mode_is_on_before_the_first_product():
    assert run("-c", SHOW.format(threads=1)).strip() == "True"
    assert process.products_are_reproducible(), "these tests, too, must not multiply before the mode is set"
