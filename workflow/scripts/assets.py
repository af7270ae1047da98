"""Writes the style sheet and the scripts that all pages share."""

from pathlib import Path

from regrade.jobs.entry import job

with job(snakemake):
    from regrade.reporting.pages import assets

    assets.write(Path(snakemake.output[0]))
