"""Writes the description of the run as an RO-Crate."""

from regrade.entry import job

with job(snakemake):
    from regrade import cells, params
    from regrade.reporting import crate

    parameters = params.parse(snakemake.config)
    crate.write(parameters, cells.expand(parameters), snakemake.params.snakemake)
