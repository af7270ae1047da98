"""Makes the tensors of one dataset and its data card."""

from regrade.entry import job

with job(snakemake):
    from pathlib import Path

    from regrade import datasets
    from regrade.integrity import verify_files

    identity = snakemake.params.identity
    module = datasets.module(identity["dataset"])
    options = module.Options(**identity.get("options", {}))
    if identity["data"] == "real":
        verify_files({datasets.RAW / file: checksum for file, checksum in identity["files"].items()})
        dataset = module.prepare({Path(file).name: datasets.RAW / file for file in identity["files"]}, options)
    else:
        dataset = module.stand_in(options)
    dataset.save(Path(snakemake.output[0]), identity)
