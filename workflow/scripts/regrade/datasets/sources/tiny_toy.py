"""tinyTOY: 400 points in the plane, a disc inside a ring, from CSCI 5622's backpropagation homework."""

from pathlib import Path

import numpy as np

from regrade.config.options import DatasetOptions
from regrade.datasets.form import Form
from regrade.datasets.kinds import tiny
from regrade.datasets.prepared import Prepared

FILE = "tinyTOY.pkl.gz"
# Without the homework's file no file is needed: the points are generated
ALTERNATIVES = ((f"tiny/{FILE}",), ())
CLASSES = ["disc", "ring"]
# Smallest and largest distance from the origin of each class. The homework's points have 0.022 to 0.3997 and 0.604 to
# 0.8999, as dense everywhere
RADII = ((0, 0.4), (0.6, 0.9))
ROWS_PER_CLASS = 100


class Options(DatasetOptions):
    """tinyTOY is prepared in one way."""


def form(options: Options) -> Form:
    """What its rows are, before they are there."""
    return Form((2,), len(CLASSES))


def prepare(files: dict[str, Path], options: Options) -> Prepared:
    """The homework's own file, or points drawn like its points by a fixed seed: inputs (200, 2) float32 in each split.

    UserError when the file is damaged or is something else.
    """
    if FILE in files:
        train, test = tiny.read(files[FILE], width=2, classes=2)
        return tiny.shuffled(train, test, CLASSES, "tinyTOY, the homework's own file")
    random = np.random.default_rng(2)
    source = "tinyTOY, drawn anew: a disc in a ring of the same sizes, but not the homework's own points"
    return tiny.shuffled(_drawn(random), _drawn(random), CLASSES, source)


def stand_in(options: Options) -> Prepared:
    """The points that `prepare` draws without the homework's file: they need no network."""
    return prepare({}, options)


def _drawn(random: np.random.Generator) -> tiny.Split:
    """Points (200, 2), 100 of each class, uniform over its area."""
    inner, outer = np.repeat(RADII, ROWS_PER_CLASS, axis=0).T
    # Area grows with the square of the radius
    radius = np.sqrt(random.uniform(inner**2, outer**2))
    angle = random.uniform(0, 2 * np.pi, len(radius))
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return points, np.repeat(np.arange(2), ROWS_PER_CLASS)
