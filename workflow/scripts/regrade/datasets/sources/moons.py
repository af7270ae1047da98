"""Two interleaved half circles in the plane, from scikit-learn's make_moons."""

from pathlib import Path

from regrade.datasets.form import Form
from regrade.datasets.kinds import toys
from regrade.datasets.prepared import Prepared

# No raw files: the points are generated
ALTERNATIVES = ((),)


class Options(toys.ToyOptions):
    """Settings of scikit-learn's make_moons."""

    noise: toys.Noise
    """Standard deviation of a point about its half circle, as a multiple of the radius."""


def form(options: Options) -> Form:
    """What its rows are, before they are there."""
    return Form((2,), 2)


def prepare(files: dict[str, Path], options: Options) -> Prepared:
    """Points (rows, 2) float32 on two half circles of radius 1, with noise. See `regrade.datasets.kinds.toys`."""
    return toys.generate("make_moons", options, ["upper moon", "lower moon"], noise=options.noise)


def stand_in(options: Options) -> Prepared:
    """The same points as `prepare`: they need no network."""
    return prepare({}, options)
