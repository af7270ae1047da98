"""Collects the runs and curves of one study."""

from regrade.jobs.entry import job

with job(snakemake):
    from regrade.cells import expansion
    from regrade.config import params
    from regrade.statistics import collect

    collect.write(snakemake.wildcards.study, expansion.expand(params.parse(snakemake.config)))
