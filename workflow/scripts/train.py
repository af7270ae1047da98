"""Trains the cells of one job, all their seeds."""

from regrade.jobs import logged

with logged(snakemake.log[0]):
    from pathlib import Path

    from regrade import cells, params
    from regrade.training import job

    parameters = params.parse(snakemake.config)
    folders = dict.fromkeys(Path(file).parent for file in snakemake.output)
    job.train_all([cells.find(parameters, *folder.parts[-3:]) for folder in folders], parameters)
