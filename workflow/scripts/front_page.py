"""Writes the front page over all studies."""

from regrade.jobs.entry import job

with job(snakemake):
    from pathlib import Path

    from regrade.config import params
    from regrade.reporting import evidence
    from regrade.reporting.pages import site

    studies = [evidence.read(name) for name in params.parse(snakemake.config).studies]
    site.write_front(studies, Path(snakemake.output[0]))
