"""Fits word vectors on the training texts of one prepared dataset."""

from regrade.jobs.entry import job

with job(snakemake):
    from pathlib import Path

    from regrade.core.integrity import verify
    from regrade.datasets.prepared import CARD
    from regrade.datasets.text import word_vectors

    verify([Path(snakemake.input[0])], CARD)
    made_of = snakemake.params.identity["word_vectors"]
    options = word_vectors.WordVectors(**{key: made_of[key] for key in word_vectors.WordVectors.model_fields})
    rows = {key: made_of[key] for key in word_vectors.ROWS if key in made_of}
    fitted = word_vectors.fit(Path(snakemake.input[0]), options, **rows)
    word_vectors.save(fitted, Path(snakemake.output[0]), snakemake.params.identity)
