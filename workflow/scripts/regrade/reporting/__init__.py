"""Reports: tables, figures and pages, made from whatever cells exist."""

from pathlib import Path

REPORTS = Path("reports")
# Beside the front page: the style sheet and scripts that all pages share
ASSETS = "assets"
# Within a study's folder: its page, the collected tables, its verdicts, and what is drawn and written from them
PAGE, RUNS, CURVES, TABLES, FIGURES = "index.html", "data/runs.parquet", "data/curves.parquet", "tables", "figures"
# The checksums of the collected tables; claims.json has that of the grades
MANIFEST = "data/manifest.json"
CLAIMS, GRADES = "claims.json", "data/grades.parquet"
CELLS, HISTORIES = "cells", "histories"
# The description of a run, in the folder that it is about
CRATE = "ro-crate-metadata.json"
# For `dvc metrics` and `dvc plots`
METRICS, PLOTTED_CURVES, PLOTTED_CELLS = "metrics.json", "plots/curves.csv", "plots/cells.csv"
# The best model of each experiment
MODELS = Path("models")
# Layout shared by all pages
TEMPLATES = Path(__file__).parent / "templates"
