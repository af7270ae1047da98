"""Reports: tables, figures and pages, made from whatever cells exist."""

from pathlib import Path

REPORTS = Path("reports")
# Within a study's folder: its page, the collected tables, and what its template draws
PAGE, RUNS, CURVES, TABLES, FIGURES = "index.html", "data/runs.parquet", "data/curves.parquet", "tables", "figures"
# Layout shared by all pages
TEMPLATES = Path(__file__).parent / "templates"
