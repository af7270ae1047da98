"""Grades one study: its reported numbers and its claims."""

from regrade.entry import job

with job(snakemake):
    from regrade import cells, params
    from regrade.reporting import report

    parameters = params.parse(snakemake.config)
    report.write_grading(parameters, snakemake.wildcards.study, cells.expand(parameters))
