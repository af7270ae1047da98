"""python -m benchmarks.demo: where the time of the demo goes.

Runs the demo in a copy of the workflow and splits its time: training (what runs record as their epochs), the rest of
the training jobs (interpreter, imports, data, files), all other jobs, and what is left of the cores' time, to Snakemake
and to waiting. Prints a table and writes it, with the machine's description, to benchmarks/results/demo.json.

--study trains one study only, once with a job for each cell and once in the batches of params.yaml. --slurm does so, or
the whole demo, on a SLURM of this machine alone, which `tests/slurm/install` installs; as root.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pandas as pd
import yaml
from regrade.core.files import write_json

from benchmarks.compare import circumstances, seconds

ROOT = Path(__file__).resolve().parents[1]
CORES = 2
COLUMNS = (
    "cells a job",
    "training jobs",
    "wall",
    "training",
    "rest of training jobs",
    "other jobs",
    "left",
    "snakemake -n afterwards",
)


def run(folder: Path, cells_per_job: int | None, options: list[str], environment: dict[str, str]) -> dict:
    """Run the demo in `folder`; how long it and its parts took, in seconds."""
    for name in ("workflow", "profiles", "Snakefile", "params.yaml", "CITATION.cff", "LICENSE"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    overlay = {"scale": "demo", "device": "cpu"}
    if cells_per_job:
        overlay["scales"] = {"demo": {"cells_per_job": cells_per_job}}
    (folder / "overlay.yaml").write_text(yaml.safe_dump(overlay))
    command = ["snakemake", "--quiet", "all", "--configfile", "overlay.yaml"]
    environment = environment | {"PYTHONPATH": str(folder / "workflow/scripts")}

    def timed(*more: str) -> float:
        return seconds(lambda: subprocess.run([*command, *more, *options], cwd=folder, env=environment, check=True))

    return {"wall": timed(), **parts(folder), "planning": timed("--dry-run")}


def parts(folder: Path) -> dict:
    """Seconds of the training, of the training jobs and of the others, and how many training jobs there were."""
    measured = {path: pd.read_table(path)["s"].sum() for path in folder.glob("logs/**/*.benchmark.tsv")}
    of_training = [
        spent
        for path, spent in measured.items()
        if path.parent.name == "batches" or (folder / "logs/results" in path.parents and "selected" not in path.name)
    ]
    histories = folder.glob("results/*/*/*/history.parquet")
    trained = sum(pd.read_parquet(path, columns=["seconds"])["seconds"].sum() for path in histories)
    return {
        "jobs": len(of_training),
        "training": trained,
        "rest": sum(of_training) - trained,
        "others": sum(measured.values()) - sum(of_training),
    }


@contextmanager
def slurm() -> Iterator[tuple[list[str], dict[str, str]]]:
    """A SLURM with as many CPUs as the demo uses here: options for Snakemake, and the environment to start it in."""
    sys.path.insert(0, str(ROOT / "tests/slurm"))
    import cluster

    cluster.CPUS = CORES
    started = cluster.Cluster()
    try:
        started.start()
        # Without accounting, and with a first look after 1 s instead of 40, as in the tests
        options = ["--slurm-status-command", "squeue", "--slurm-no-account"]
        options += ["--slurm-init-seconds-before-status-checks", "1"]
        yield ["--workflow-profile", "profiles/slurm", *options], started.environment
    finally:
        started.stop()


def main() -> None:
    """Run the demo, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slurm", action="store_true", help="on a SLURM that is started here")
    parser.add_argument("--study", help="train this study only, and make no report")
    given = parser.parse_args()
    target = ["--", f"train_{given.study}"] if given.study else []
    rows = []
    with slurm() if given.slurm else nullcontext((["--cores", str(CORES)], os.environ)) as (options, environment):
        print(f"| {' | '.join(COLUMNS)} |\n|{'---:|' * len(COLUMNS)}", flush=True)
        for cells_per_job in (1, None) if given.study else (None,):
            with tempfile.TemporaryDirectory() as name:
                row = run(Path(name), cells_per_job, [*options, *target], environment)
            row["left"] = row["wall"] * CORES - row["training"] - row["rest"] - row["others"]
            rows.append({"cells_per_job": cells_per_job, **row})
            times = [f"{row[part]:.0f} s" for part in ("wall", "training", "rest", "others", "left")]
            batches = cells_per_job or "as in params.yaml"
            print(f"| {batches} | {row['jobs']} | {' | '.join(times)} | {row['planning']:.1f} s |", flush=True)
    content = {"rows": rows, "cores": CORES, **circumstances()}
    name = "-".join(["demo", *(["slurm"] if given.slurm else []), *([given.study] if given.study else [])])
    write_json(ROOT / f"benchmarks/results/{name}.json", content, sealed=False)


if __name__ == "__main__":
    main()
