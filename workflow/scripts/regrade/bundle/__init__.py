"""Bundles of runs: all that grading and reporting are given, whoever trained."""

# Within a bundle's folder. docs/bundles.md describes them
RUNS, CURVES, CORRECT, MANIFEST = "runs.parquet", "curves.parquet", "correct.parquet", "manifest.json"
TABLES = (RUNS, CURVES, CORRECT)
