"""python -m benchmarks.demo [SNAKEMAKE'S OPTIONS]: where the time of the demo goes, job by job and in batches.

Runs the whole demo in a copy of the workflow, once with a job for each cell and once with the batches of params.yaml,
and splits its time: training (what runs record as their epochs), the rest of the jobs (interpreter, imports, data,
files), and what is left to Snakemake. Prints a table and writes it, with the machine's description, to
benchmarks/results/demo.json. Options, as of a profile for a cluster, go to Snakemake.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import yaml
from regrade.files import write_json

from benchmarks.compare import circumstances

ROOT = Path(__file__).resolve().parents[1]
CORES = 2
COLUMNS = (
    "cells a job",
    "training jobs",
    "wall",
    "training",
    "rest of training jobs",
    "other jobs",
    "idle or Snakemake's",
)


def run(folder: Path, cells_per_job: int | None, options: list[str]) -> dict:
    """Run the demo in `folder`; how long it and its parts took, in seconds."""
    for name in ("workflow", "params.yaml", "CITATION.cff", "LICENSE"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    overlay = {"scale": "demo", "device": "cpu"}
    if cells_per_job:
        overlay["scales"] = {"demo": {"cells_per_job": cells_per_job}}
    (folder / "overlay.yaml").write_text(yaml.safe_dump(overlay))
    command = ["snakemake", "--cores", str(CORES), "--configfile", "overlay.yaml", "--quiet", "all", *options]
    environment = os.environ | {"PYTHONPATH": str(folder / "workflow/scripts")}
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True)
    return {"wall": time.perf_counter() - started, **parts(folder)}


def parts(folder: Path) -> dict:
    """Seconds of the training, of the training jobs and of the others, and how many training jobs there were."""
    benchmarks = {path: pd.read_table(path)["s"].sum() for path in folder.glob("logs/**/*.benchmark.tsv")}
    of_training = [
        seconds
        for path, seconds in benchmarks.items()
        if path.parent.name == "batches" or path.relative_to(folder / "logs").parts[0] == "results"
    ]
    histories = folder.glob("results/*/*/*/history.parquet")
    trained = sum(pd.read_parquet(path, columns=["seconds"])["seconds"].sum() for path in histories)
    return {
        "jobs": len(of_training),
        "training": trained,
        "rest": sum(of_training) - trained,
        "others": sum(benchmarks.values()) - sum(of_training),
    }


def main() -> None:
    """Run the demo twice, print and write."""
    rows = []
    print(f"| {' | '.join(COLUMNS)} |\n|{'---:|' * len(COLUMNS)}", flush=True)
    for cells_per_job in (1, None):
        with tempfile.TemporaryDirectory() as name:
            row = {"cells_per_job": cells_per_job, **run(Path(name), cells_per_job, sys.argv[1:])}
        row["left"] = row["wall"] * CORES - row["training"] - row["rest"] - row["others"]
        rows.append(row)
        seconds = [f"{row[part]:.0f} s" for part in ("wall", "training", "rest", "others", "left")]
        print(f"| {cells_per_job or 'as params.yaml says'} | {row['jobs']} | {' | '.join(seconds)} |", flush=True)
    content = {"rows": rows, "cores": CORES, "options": sys.argv[1:], **circumstances()}
    write_json(ROOT / "benchmarks/results/demo.json", content, sealed=False)


if __name__ == "__main__":
    main()
