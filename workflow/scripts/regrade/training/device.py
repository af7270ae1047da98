"""Which device a job trains on."""

import platform
from pathlib import Path

import torch

from regrade.errors import UserError


def choose(device: str) -> torch.device:
    """The device that params.yaml asks for; auto is a CUDA GPU where there is one. UserError for cuda without one."""
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "params.yaml: device is cuda, but PyTorch finds no CUDA GPU here; use auto or cpu, or another machine"
        )
    return torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")


def describe(device: torch.device) -> str:
    """The device as a report names it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as file:
            model = next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    return f"CPU ({model}, {torch.get_num_threads()} thread{'s' * (torch.get_num_threads() > 1)})"
