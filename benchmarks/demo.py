"""python -m benchmarks.demo: where the time of the demo goes.

Runs the demo in a copy of the workflow and splits its time: training (what runs record as their epochs), the rest of
the training jobs (interpreter, imports, data, files), all other jobs, and what is left of the cores' time, to Snakemake
and to waiting. Prints a table and writes it, with the machine's description, to benchmarks/results/demo.json.

--study trains one study only, once with a job for each cell and once in the batches of params.yaml.
"""

import argparse
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pandas as pd
import yaml
from regrade.files import write_json

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


def run(folder: Path, cells_per_job: int | None, target: list[str]) -> dict:
    """Run the demo in `folder`; how long it and its parts took, in seconds."""
    for name in ("workflow", "params.yaml", "CITATION.cff", "LICENSE"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    overlay = {"scale": "demo", "device": "cpu"}
    if cells_per_job:
        overlay["scales"] = {"demo": {"cells_per_job": cells_per_job}}
    (folder / "overlay.yaml").write_text(yaml.safe_dump(overlay))
    command = ["snakemake", "--quiet", "all", "--configfile", "overlay.yaml", "--cores", str(CORES)]
    environment = os.environ | {"PYTHONPATH": str(folder / "workflow/scripts")}

    def timed(*more: str) -> float:
        return seconds(lambda: subprocess.run([*command, *more, *target], cwd=folder, env=environment, check=True))

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


def main() -> None:
    """Run the demo, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", help="train this study only, and make no report")
    study = parser.parse_args().study
    rows = []
    print(f"| {' | '.join(COLUMNS)} |\n|{'---:|' * len(COLUMNS)}", flush=True)
    for cells_per_job in (1, None) if study else (None,):
        with tempfile.TemporaryDirectory() as name:
            row = run(Path(name), cells_per_job, ["--", f"train_{study}"] if study else [])
        row["left"] = row["wall"] * CORES - row["training"] - row["rest"] - row["others"]
        rows.append({"cells_per_job": cells_per_job, **row})
        times = [f"{row[part]:.0f} s" for part in ("wall", "training", "rest", "others", "left")]
        batches = cells_per_job or "as in params.yaml"
        print(f"| {batches} | {row['jobs']} | {' | '.join(times)} | {row['planning']:.1f} s |", flush=True)
    content = {"rows": rows, "cores": CORES, **circumstances()}
    name = f"demo-{study}" if study else "demo"
    write_json(ROOT / f"benchmarks/results/{name}.json", content, sealed=False)


if __name__ == "__main__":
    main()
