"""Grades one study: its reported numbers and its claims."""

from regrade.jobs.entry import job

with job(snakemake):
    from regrade.bundle import bundle
    from regrade.statistics import BUNDLE, REPORTS, grading

    folder = REPORTS / snakemake.wildcards.study
    grading.write(grading.grade(bundle.read_own(folder / BUNDLE)), folder)
