"""A circle inside another in the plane, from scikit-learn's make_circles."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from regrade.datasets.form import Form
from regrade.datasets.kinds import toys
from regrade.datasets.prepared import Prepared

# No raw files: the points are generated
ALTERNATIVES = ((),)


class Options(toys.ToyOptions):
    """Settings of scikit-learn's make_circles."""

    noise: toys.Noise
    """Standard deviation of a point about its circle."""
    factor: Annotated[float, Field(ge=0, lt=1)]
    """Radius of the inner circle; that of the outer one is 1."""


def form(options: Options) -> Form:
    """What its rows are, before they are there."""
    return Form((2,), 2)


def prepare(files: dict[str, Path], options: Options) -> Prepared:
    """Points (rows, 2) float32 on two circles about the origin, with noise. See `regrade.datasets.kinds.toys`."""
    classes = ["outer circle", "inner circle"]
    return toys.generate("make_circles", options, classes, noise=options.noise, factor=options.factor)


def stand_in(options: Options) -> Prepared:
    """The same points as `prepare`: they need no network."""
    return prepare({}, options)
