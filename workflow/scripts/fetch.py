"""Fetches one raw file of a dataset."""

from regrade.jobs.entry import job

with job(snakemake):
    from pathlib import Path

    from regrade.config import params
    from regrade.datasets.fetch import fetch

    file = params.parse(snakemake.config).datasets[snakemake.wildcards.dataset].files[snakemake.wildcards.file]
    fetch(file, Path(snakemake.output[0]))
