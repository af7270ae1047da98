"""Makes the tensors of one dataset and its data card."""

from regrade.jobs import logged

with logged(snakemake.log[0]):
    from pathlib import Path

    from regrade import datasets

    identity = snakemake.params.identity
    module = datasets.module(identity["dataset"])
    real = identity["data"] == "real"
    dataset = module.prepare(datasets.RAW / identity["dataset"]) if real else module.stand_in()
    dataset.save(Path(snakemake.output[0]).parent, identity)
