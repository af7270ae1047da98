"""What the claims and the numbers of a study name: by experiment, its settings and its metrics."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from regrade.config import claims, reported
from regrade.config.claims import Reference, Test
from regrade.config.reported import ALIASES, BY_EPOCH, SELECTORS
from regrade.config.types import Value


@dataclass
class Named:
    """What is named of an experiment, each with the place that names it first.

    `metrics`: numbers of runs; `curves`: numbers by epoch.
    """

    settings: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, str] = field(default_factory=dict)
    curves: dict[str, str] = field(default_factory=dict)


def experiments(study: str) -> dict[str, Named]:
    """What claims.yaml and reported.csv name of each experiment. UserError where these files are wrong."""
    named: dict[str, Named] = {}
    for claim in claims.read(study).claims:
        where = f"{claims.path(study)}: {claim.id}"
        for test in claim.tests:
            _of_test(test, named, where)
    for line, row in reported.numbered(study):
        where = f"{reported.path(study)}, line {line}"
        of_experiment = named.setdefault(row["experiment"], Named())
        for key in (key for key in row["cell"] if key not in SELECTORS):
            of_experiment.settings.setdefault(key, where)
        metric = ALIASES.get(row["metric"], row["metric"])
        (of_experiment.curves if metric in BY_EPOCH else of_experiment.metrics).setdefault(metric, where)
    return named


def _of_test(test: Test, named: dict[str, Named], where: str) -> None:
    of_experiment = named.setdefault(test.experiment, Named())
    if isinstance(test.metric, str):
        of_experiment.metrics.setdefault(test.metric, where)
    else:
        for key in ("of", "against"):
            if key in test.metric:
                of_experiment.curves.setdefault(str(test.metric[key]), where)
    for experiment, key in _settings(test):
        named.setdefault(experiment, Named()).settings.setdefault(key, where)


def _settings(test: Test) -> Iterator[tuple[str, str]]:
    """The experiments and settings that a test names."""
    for key in (*test.each, *getattr(test, "over", ())):
        yield test.experiment, key
    for name in ("at_least", "at_most"):
        bounds = getattr(test, name, None)
        for key in bounds if isinstance(bounds, dict) else ():
            yield test.experiment, key
    for reference in _references(test):
        experiment = str(reference.get("experiment", test.experiment))
        yield from ((experiment, key) for key in reference if key not in ("experiment", "winner"))


def _references(test: Test) -> Iterator[Reference]:
    for name in ("cell", "than", "among", "first", "cells"):
        value: dict[str, Value] | list[Reference] | None = getattr(test, name, None)
        yield from value if isinstance(value, list) else [value] if value else []
