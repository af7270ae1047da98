"""Measures what a study compares apart from its cells: runs measure() of its measure.py."""

from regrade.jobs.entry import job

with job(snakemake):
    from regrade.core.files import write_json
    from regrade.reporting import study_code

    write_json(snakemake.output[0], study_code.measure(snakemake.wildcards.study))
