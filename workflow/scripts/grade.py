"""Grades one study: its reported numbers and its claims; and sets the reference run beside, if there is one."""

from regrade.jobs.entry import job

with job(snakemake):
    from regrade.bundle import bundle
    from regrade.statistics import BUNDLE, REPORTS, grading, reference

    folder = REPORTS / snakemake.wildcards.study
    runs = bundle.read_own(folder / BUNDLE)
    graded = grading.grade(runs)
    grading.write(graded, folder)
    reference.write(runs, graded, folder)
