"""Collects the runs and curves of one study."""

from regrade.entry import job

with job(snakemake):
    from regrade import cells, params
    from regrade.reporting import report

    report.write_data(snakemake.wildcards.study, cells.expand(params.parse(snakemake.config)))
