"""All reports at once, from whatever cells exist."""

from importlib.metadata import version
from pathlib import Path

from regrade.bundle import collect
from regrade.cells import expansion, set_aside
from regrade.config.params import Params
from regrade.reporting import ASSETS, PAGE, evidence
from regrade.reporting.exports import crate, dvc
from regrade.reporting.pages import assets, site
from regrade.statistics import BUNDLE, REPORTS, audit, grading, reference


def write_all(params: Params) -> Path:
    """Collect, grade and report every study without training anything; the path of the front page."""
    every = expansion.expand(params)
    set_aside.put_back(every)
    assets.write(REPORTS / ASSETS)
    studies = []
    for study in params.studies:
        bundle = collect.bundle(study, params, every)
        bundle.write(REPORTS / study / BUNDLE)
        graded = grading.grade(bundle)
        grading.write(graded, REPORTS / study)
        reference.write(bundle, graded, REPORTS / study)
        if not audit.is_current(study, params, every):
            audit.write(study, params, every)
        of_study = evidence.of(bundle)
        site.write_study(of_study, REPORTS / study)
        dvc.write(of_study, REPORTS / study)
        studies.append(of_study)
    site.write_front(studies, REPORTS / PAGE)
    crate.write(params, every, version("snakemake"))
    return REPORTS / PAGE
