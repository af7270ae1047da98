"""Finds the winner among the cells of an experiment."""

from regrade.entry import job

with job(snakemake):
    from regrade import cells, params
    from regrade.statistics import selection

    every = cells.expand(params.parse(snakemake.config))
    selection.write(
        next(cell.selection for cell in every if cell.selection and str(cell.selection.path) == snakemake.output[0])
    )
