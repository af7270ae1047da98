"""Writes the front page over all studies."""

from pathlib import Path

from regrade.entry import job

with job(snakemake):
    from regrade import cells, params
    from regrade.reporting import report, site

    parameters = params.parse(snakemake.config)
    every = cells.expand(parameters)
    site.write_front(
        [report.evidence(parameters, study, every) for study in parameters.studies], Path(snakemake.output[0])
    )
