"""Trains the cells of one job, all their seeds."""

from regrade.jobs.entry import job

with job(snakemake):
    from contextlib import nullcontext
    from pathlib import Path

    from regrade.cells import expansion, noted_seeds, prune, set_aside
    from regrade.config import params
    from regrade.core.integrity import verify
    from regrade.datasets.prepared import CARD
    from regrade.jobs import plan
    from regrade.runtime import gpus
    from regrade.training import restoring, store
    from regrade.training.job import train_all

    verify(map(Path, snakemake.input.data), CARD)
    # As many threads as Snakemake counts for the job
    parameters = params.parse(snakemake.config).model_copy(update={"threads": snakemake.threads})
    batch = expansion.find(parameters, dict.fromkeys(Path(file).parent for file in snakemake.output))
    plan.hold_cells(batch)
    of_experiment = parameters.of_experiment(batch[0].study, batch[0].experiment)
    on_cpu = parameters.device == "cpu" or batch[0].on_cpu
    # Before anything uses CUDA, which heeds the choice of a GPU only then
    with nullcontext() if on_cpu else gpus.one(parameters.jobs_per_gpu):
        for cell in batch:
            store.stay_on(cell, parameters.device)
        for cell in batch:
            restoring.restore(cell, of_experiment.keep_models)
        batch = [store.with_seeds_it_had(cell) for cell in batch]
        with set_aside.replacing(batch):
            train_all(batch, of_experiment)
            for cell in batch:
                noted_seeds.write(cell, cell.seeds)
    if not parameters.present_scale.keep_states:
        prune.forget(cell for cell in batch if not cell.in_full)
