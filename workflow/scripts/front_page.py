"""Writes the front page over all studies."""

from regrade.jobs.entry import job

with job(snakemake):
    from pathlib import Path

    from regrade.cells import expansion
    from regrade.config import params
    from regrade.reporting import evidence
    from regrade.reporting.pages import site

    parameters = params.parse(snakemake.config)
    every = expansion.expand(parameters)
    studies = [evidence.read(parameters, study, every) for study in parameters.studies]
    site.write_front(studies, Path(snakemake.output[0]))
