"""Writes the description of the run as an RO-Crate."""

from regrade.jobs.entry import job

with job(snakemake):
    from regrade.cells import expansion
    from regrade.config import params
    from regrade.reporting.exports import crate

    parameters = params.parse(snakemake.config)
    crate.write(parameters, expansion.expand(parameters), snakemake.params.snakemake)
