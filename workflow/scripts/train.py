"""Trains the cells of one job, all their seeds."""

from regrade.entry import job

with job(snakemake):
    from pathlib import Path

    from regrade import cells, gpus, params, plan
    from regrade.datasets.prepared import CARD
    from regrade.integrity import verify
    from regrade.training.job import train_all

    verify(map(Path, snakemake.input.data), CARD)
    parameters = params.parse(snakemake.config)
    batch = cells.find(parameters, dict.fromkeys(Path(file).parent for file in snakemake.output))
    plan.hold_cells(batch)
    if parameters.device == "cpu":
        train_all(batch, parameters)
    else:
        with gpus.one(parameters.jobs_per_gpu):
            train_all(batch, parameters)
