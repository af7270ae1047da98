"""Trains one cell, all its seeds."""

from regrade.jobs import logged

with logged(snakemake.log[0]):
    from regrade import cells, params
    from regrade.files import read_json
    from regrade.training import job

    parameters = params.parse(snakemake.config)
    cell = cells.find(parameters, *snakemake.wildcards)
    winner = read_json(cell.selection.path)["settings"] if cell.selection else None
    job.train(cell, winner, parameters)
