"""Audits the verdicts on one study's claims in made-up worlds."""

from regrade.jobs.entry import job

with job(snakemake):
    from regrade.cells import expansion
    from regrade.config import params
    from regrade.statistics import audit

    parameters = params.parse(snakemake.config)
    audit.write(snakemake.wildcards.study, parameters, expansion.expand(parameters))
