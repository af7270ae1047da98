"""Grade runs from anywhere: a study's claims and reported numbers against a bundle or a table of runs.

STUDY is a folder with claims.yaml, reported.csv or both. RUNS are the folder of a bundle, or CSV or Parquet files with
one row per run, or one per epoch. Nothing is trained, and no project is needed (docs/grade-your-own.md). For the
project's own studies, the reference run's verdicts are shown beside yours.
"""

import argparse
from pathlib import Path

EXAMPLES = """\
regrade grade my_report runs.csv                     # writes graded/index.html
regrade grade my_report runs.csv history.parquet --seed random_state --to pages
regrade grade workflow/studies/vudl reports/vudl/bundle
"""
INTERRUPTED = "Interrupted; nothing was written"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow `regrade grade`."""
    parser.add_argument("study", type=Path, metavar="STUDY", help="folder with the study's claims and numbers")
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUNS", help="a bundle's folder, or CSV or Parquet files")
    parser.add_argument("--seed", default="seed", metavar="COLUMN", help="the column with the seeds (default: seed)")
    parser.add_argument(
        "--to", type=Path, default=Path("graded"), metavar="FOLDER", help="where to write (default: graded)"
    )


def run(options: argparse.Namespace) -> int:
    """Write pages, tables and verdicts; print the verdicts, and where the first page is."""
    from regrade.reporting import grade

    read = grade.read(options.study, options.runs, options.seed)
    beside_reference = grade.has_reference(options.study, options.runs)
    (verdicts,) = grade.write([read.bundle], options.to, beside_reference=beside_reference)
    for note in read.notes:
        print(f"Note: {note}.")
    for line in grade.as_text(verdicts):
        print(line)
    print(f"The report: {options.to / 'index.html'}")
    return 0
