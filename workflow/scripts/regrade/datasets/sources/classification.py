"""Two clouds of normally distributed points in the plane, from scikit-learn's make_classification."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from regrade.datasets.form import Form
from regrade.datasets.kinds import toys
from regrade.datasets.prepared import Prepared

# No raw files: the points are generated
ALTERNATIVES = ((),)


class Options(toys.ToyOptions):
    """Settings of scikit-learn's make_classification."""

    class_sep: Annotated[float, Field(gt=0, le=1e6)]
    """Half the distance between the clouds' centres along an axis."""
    flip_y: Annotated[float, Field(ge=0, le=1)]
    """Share of points with a random label."""


def form(options: Options) -> Form:
    """What its rows are, before they are there."""
    return Form((2,), 2)


def prepare(files: dict[str, Path], options: Options) -> Prepared:
    """Points (rows, 2) float32, one cloud per class, each stretched its own way. See `regrade.datasets.kinds.toys`."""
    shape = {"n_features": 2, "n_informative": 2, "n_redundant": 0, "n_clusters_per_class": 1}
    chosen = {"class_sep": options.class_sep, "flip_y": options.flip_y}
    return toys.generate("make_classification", options, ["first cloud", "second cloud"], **shape, **chosen)


def stand_in(options: Options) -> Prepared:
    """The same points as `prepare`: they need no network."""
    return prepare({}, options)
