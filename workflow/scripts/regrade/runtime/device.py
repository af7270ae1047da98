"""Which device a job trains on."""

import os
import platform
from pathlib import Path
from typing import Any

import torch

from regrade.core.errors import UserError

# Environment variables by which the libraries choose the code that multiplies and adds, and so how numbers are rounded
VARIABLES = (
    "ATEN_CPU_CAPABILITY",
    "MKL_CBWR",
    "MKL_DEBUG_CPU_TYPE",
    "MKL_ENABLE_INSTRUCTIONS",
    "ONEDNN_MAX_CPU_ISA",
    "OPENBLAS_CORETYPE",
    "CUBLAS_WORKSPACE_CONFIG",
    "NVIDIA_TF32_OVERRIDE",
)


def choose(device: str, backend: str) -> torch.device:
    """The device that params.yaml asks for; auto is a CUDA GPU where there is one. UserError for cuda without one.

    The numpy backend runs on the CPU, whatever is asked for.
    """
    if backend == "numpy":
        return torch.device("cpu")
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "params.yaml: device is cuda, but PyTorch finds no CUDA GPU here; use auto or cpu, or another machine"
        )
    return torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")


def describe(device: torch.device) -> str:
    """The device as a report names it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"CPU ({_processor_name()}, {threads} thread{'s' * (threads > 1)})"


def processor(device: torch.device) -> dict[str, Any]:
    """What rounding depends on, beside the versions of the libraries: two devices of one kind give the same bits.

    `architecture` and `capability`, the instructions that PyTorch uses (of a GPU, its compute capability); `device` as
    a report names it; `variables` of the environment that choose another code path.
    """
    on_gpu = device.type == "cuda"
    return {
        "device": describe(device),
        "architecture": platform.machine(),
        "capability": ".".join(map(str, torch.cuda.get_device_capability(device)))
        if on_gpu
        else torch.backends.cpu.get_cpu_capability(),
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
    }


def _processor_name() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as file:
            return next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
