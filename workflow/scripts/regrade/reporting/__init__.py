"""Reports: tables, figures and pages, made from whatever cells exist."""

from pathlib import Path

# Beside the front page: the style sheet and scripts that all pages share
ASSETS = "assets"
# Within a study's folder, beside what statistics write there: its page, and what is drawn and written for it
PAGE, TABLES, FIGURES, CELLS, HISTORIES = "index.html", "tables", "figures", "cells", "histories"
# The page that compares two cells of a study
COMPARE = "compare.html"
# The findings of the reference run, in words
FINDINGS = "findings.html"
# The description of a run, in the folder that it is about
CRATE = "ro-crate-metadata.json"
# For `dvc metrics` and `dvc plots`
METRICS, PLOTTED_CURVES, PLOTTED_CELLS = "metrics.json", "plots/curves.csv", "plots/cells.csv"
# The best model of each experiment
MODELS = Path("models")
# Layout shared by all pages
TEMPLATES = Path(__file__).parent / "templates"
