"""Finds the winner among the cells of an experiment."""

from regrade.jobs.entry import job

with job(snakemake):
    from regrade.cells import expansion
    from regrade.config import params
    from regrade.statistics import selection

    every = expansion.expand(params.parse(snakemake.config))
    selection.write(
        next(cell.selection for cell in every if cell.selection and str(cell.selection.path) == snakemake.output[0])
    )
