"""Copies the best model of each experiment of one study to a name that stays."""

from regrade.jobs.entry import job

with job(snakemake):
    from pathlib import Path

    from regrade.bundle import bundle
    from regrade.reporting.exports import best_models
    from regrade.statistics import BUNDLE, REPORTS
    from regrade.statistics.measurements import measured

    runs = measured(bundle.read_own(REPORTS / snakemake.wildcards.study / BUNDLE))
    best_models.write(runs, Path(snakemake.output[0]))
