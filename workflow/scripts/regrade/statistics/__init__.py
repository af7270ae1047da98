"""From runs to numbers with their uncertainty, graded."""

from pathlib import Path

REPORTS = Path("reports")
# Within a study's folder there: the collected tables with their checksums, the grades, and the verdicts with theirs
RUNS, CURVES, MANIFEST = "data/runs.parquet", "data/curves.parquet", "data/manifest.json"
GRADES, CLAIMS = "data/grades.parquet", "claims.json"
# How often the verdicts would be wrong, and right, in made-up worlds
AUDIT = "data/audit.json"
