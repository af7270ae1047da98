"""Measures what a study compares apart from its cells: runs measure() of its measure.py."""

from regrade.entry import job

with job(snakemake):
    from regrade import study_code
    from regrade.files import write_json

    module = study_code.load(snakemake.wildcards.study, study_code.MEASURE)
    write_json(snakemake.output[0], module.measure())
