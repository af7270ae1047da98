"""Points in the plane from scikit-learn's generators: what moons, circles and classification have in common."""

from typing import Annotated

import numpy as np
from pydantic import Field

from regrade.config.options import DatasetOptions
from regrade.datasets.prepared import Prepared

Noise = Annotated[float, Field(ge=0, le=1e6)]


class ToyOptions(DatasetOptions):
    """What all toy datasets have in common."""

    rows: Annotated[int, Field(ge=10, le=10_000_000)]
    """Points, of which four fifths are for training and the rest for testing."""
    draw: Annotated[int, Field(ge=0, lt=2**32)]
    """Random seed that draws and splits the points."""


def generate(generator: str, options: ToyOptions, classes: list[str], **settings: float) -> Prepared:
    """Points that the `generator` of sklearn.datasets draws with `settings`: four fifths to train on, the rest to test.

    Inputs are (rows, 2) float32, shuffled; the same options always give the same rows.
    """
    # Whatever reads params.yaml imports this module, and scikit-learn takes a second to import
    from sklearn import datasets

    points, labels = getattr(datasets, generator)(options.rows, random_state=options.draw, **settings)
    order = np.random.default_rng(options.draw).permutation(options.rows)
    train, test = np.split(order, [options.rows * 4 // 5])
    inputs, targets = points.astype(np.float32), labels.astype(np.int64)
    return Prepared(
        train_inputs=inputs[train],
        train_targets=targets[train],
        test_inputs=inputs[test],
        test_targets=targets[test],
        classes=classes,
        source=f"points drawn by scikit-learn's {generator}",
    )
