"""Makes the tensors of one dataset and its data card."""

from regrade.jobs.entry import job

with job(snakemake):
    from pathlib import Path

    from regrade.core.integrity import verify_files
    from regrade.datasets import registry
    from regrade.datasets.identity import RAW, DataIdentity

    identity = DataIdentity(**snakemake.params.identity)
    module, options = registry.module(identity.dataset, identity.format), registry.options(identity)
    if identity.data == "real":
        verify_files({RAW / file: checksum for file, checksum in identity.files.items()})
        dataset = module.prepare({Path(file).name: RAW / file for file in identity.files}, options)
    else:
        dataset = module.stand_in(options)
    dataset.save(Path(snakemake.output[0]), identity.parts)
