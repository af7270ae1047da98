"""A working copy with the smallest study there is: points in the plane, MLPs of a few units, a page of three lines."""

import subprocess
import time
from pathlib import Path

import yaml

from support.project import Project, copy_code, merged

STUDY = "tiny"
PARAMS = {
    "scale": "small",
    "seeds": [0, 1],
    "looks": [{"seeds": 2, "error": 0.05}],
    "device": "cpu",
    "keep_models": [0],
    "threads": 1,
    "cells_per_job": 1,
    "audit_worlds": 2,
    "jobs_per_gpu": 1,
    "checkpoint_seconds": 0,
    "forecast": {
        "calibration_seconds": 1,
        "time_margin": 2,
        "memory_margin": 1.5,
        "at_least": {"minutes": 15, "megabytes": 1500},
        "unknown": {"minutes": 240, "megabytes": 4000},
    },
    "settle": {"least_chance": 0.1},
    "scales": {"small": {"data": "stand_in"}},
    "datasets": {"moons": {"options": {"rows": 100, "draw": 1, "noise": 0.1}}},
    "studies": {
        STUDY: {
            "title": "Tiny",
            "source": "Nobody's report",
            "conventions": "torch",
            "networks": {
                "mlp": [{"dense": {"units": "$width", "activation": "relu"}}, {"dense": {"units": "classes"}}]
            },
            "experiments": {
                "sweep": {
                    "title": "Widths",
                    "settings": {
                        "dataset": "moons",
                        "network": "mlp",
                        "optimizer": "sgd",
                        "lr": 0.1,
                        "batch_size": 8,
                        "epochs": 2,
                    },
                    "grid": {"width": [2, 3]},
                }
            },
        }
    },
}
# A further experiment: one cell, trained like the winner of the sweep
FOLLOWING = {
    "title": "At the best width",
    "select": {"winner": "measured", "from": "sweep", "settings": ["width"], "by": "test_accuracy_last_epoch"},
    "settings": PARAMS["studies"][STUDY]["experiments"]["sweep"]["settings"] | {"lr": 0.2},
}
# The same of two short cells, as an overlay
TWO_FOLLOWING = {
    "studies": {
        STUDY: {
            "experiments": {
                "following": FOLLOWING
                | {
                    "settings": {key: value for key, value in FOLLOWING["settings"].items() if key != "lr"},
                    "grid": {"lr": [0.1, 0.2]},
                }
            }
        }
    }
}
PAGE = """# Widths

{{ table("1", "All widths.", "sweep") }}
{{ figure(1, "Accuracy.", curves(find("sweep"), "accuracy")) }}
"""


def sweep(**changes: dict) -> dict:
    """The overlay that changes these parts of the experiment."""
    return {"studies": {STUDY: {"experiments": {"sweep": changes}}}}


def tiny(folder: Path, *changes: dict) -> Project:
    """The working copy in `folder`, its params.yaml changed by overlays."""
    copy_code(folder, "studies")
    layout = folder / "workflow/studies" / STUDY
    layout.mkdir(parents=True)
    (layout / "report.md.j2").write_text(PAGE)
    (folder / "params.yaml").write_text(yaml.safe_dump(merged(PARAMS, *changes), sort_keys=False))
    return Project(folder)


# Long enough to be interrupted in the middle, several times: after each epoch the states are written, which takes far
# longer than the epoch
LONG = sweep(settings={"epochs": 400}, grid={"width": [4]})


def running(project: Project, processes: list[subprocess.Popen], target: str = "train_all") -> None:
    """Start Snakemake on the long version, as the last of `processes`; return once it has saved a state since then."""
    begun = time.time()
    process = project.start(target, overlay={})
    processes.append(process)
    while process.poll() is None and time.time() < begun + 180:
        if any(path.stat().st_mtime > begun for path in project.find("results/.state/*/seed=1.state")):
            return
        time.sleep(0.02)
    raise AssertionError(process.communicate(timeout=180)[0])
