"""What a result was made with: commit, versions, memory."""

import importlib.metadata
import os
import platform
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from regrade.core.checkout import IN_PROJECT, PACKAGE

LIBRARIES = ("torch", "numpy", "safetensors", "pyarrow")


def commit() -> dict[str, Any]:
    """The commit of the project's code and whether tracked files differ from it; both None outside a git checkout.

    Only a repository with this package in its usual place counts, not just any that contains it.
    """
    # Git's variables, as its hooks set them, may name another repository
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}

    def git(*arguments: str) -> str | None:
        try:
            answer = subprocess.run(
                ["git", "-C", PACKAGE, *arguments], capture_output=True, text=True, check=True, env=environment
            )
        except (OSError, subprocess.CalledProcessError):
            return None
        return answer.stdout.strip()

    root = git("rev-parse", "--show-toplevel")
    if root is None or Path(root, IN_PROJECT).resolve() != PACKAGE:
        return {"commit": None, "dirty": None}
    revision = git("rev-parse", "HEAD")
    changes = git("status", "--porcelain", "--untracked-files=no")
    return {"commit": revision, "dirty": None if revision is None else bool(changes)}


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that results depend on."""
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in LIBRARIES}


def peak_memory() -> int:
    """The most memory that this process has held, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
