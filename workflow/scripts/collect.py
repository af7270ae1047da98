"""Collects the runs and curves of one study."""

from regrade.jobs import logged

with logged(snakemake.log[0]):
    from regrade import cells, params
    from regrade.reporting import report

    report.write_data(snakemake.wildcards.study, cells.expand(params.parse(snakemake.config)))
