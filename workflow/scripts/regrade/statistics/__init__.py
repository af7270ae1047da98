"""From runs to numbers with their uncertainty, graded."""

from pathlib import Path

REPORTS = Path("reports")
# Within a study's folder there: the bundle of its runs, the grades, and the verdicts with their checksum
BUNDLE = "bundle"
GRADES, CLAIMS = "data/grades.parquet", "claims.json"
# What the reference run says, and how it agrees
REFERENCE = "data/reference.json"
# How often the verdicts would be wrong, and right, in made-up worlds
AUDIT = "data/audit.json"
