"""Made-up worlds in which it is known how optimistic the best epoch is. `python tests/support/peeking.py` prints a table.

In a world, a network has a skill at each epoch. A test row is answered correctly where the skill exceeds its hardness,
a part of which is the row's own and a part of which changes slowly from epoch to epoch, so that neighbouring epochs
answer alike, as those of real networks do. What is true is the accuracy on all rows that there could be.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from regrade.bundle.metrics import peeking_bounds
from scipy import special
from sklearn.datasets import make_classification
from sklearn.neural_network import MLPClassifier

EPOCHS = 20
TIME = np.linspace(0, 1, EPOCHS)
# A network's correct answers by epoch on half of the rows and on the other, and its true accuracy
Draw = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Curve:
    """A learning curve: skill by epoch, how much it changes at random from epoch to epoch, and how alike these answer."""

    skill: np.ndarray
    changes: float = 0.0
    alike: float = 0.9

    def draw(self, rows: int, generator: np.random.Generator) -> Draw:
        """One run, tested on this many rows."""
        skill = self.skill + self.changes * generator.normal(size=EPOCHS)
        own = np.sqrt(self.alike) * generator.normal(size=rows)
        changing = np.sqrt(1 - self.alike) * generator.normal(size=(EPOCHS, rows))
        for epoch in range(1, EPOCHS if self.alike else 0):
            changing[epoch] = self.alike * changing[epoch - 1] + np.sqrt(1 - self.alike**2) * changing[epoch]
        correct = skill[:, None] > own + changing
        return correct[:, ::2].sum(axis=1), correct[:, 1::2].sum(axis=1), special.ndtr(skill)


CURVES = {
    "all epochs alike, rows answered afresh in each": Curve(0.8 + 0 * TIME, alike=0),
    "all epochs alike": Curve(0.8 + 0 * TIME),
    "an early plateau": Curve(1 - np.exp(-25 * TIME)),
    "a late plateau": Curve(2 * (1 - np.exp(-4 * TIME)) - 0.8),
    "rising throughout": Curve(1.5 * TIME),
    "rising with random changes": Curve(1.5 * (1 - np.exp(-6 * TIME)), changes=0.06),
    "falling after a third, by overfitting": Curve(1.2 - 4 * (TIME - 0.35) ** 2),
}


def of_network(rows: int, worlds: int, generator: np.random.Generator) -> Iterator[Draw]:
    """Runs of a real network that overfits, each tested on rows of its own from a large pool."""
    inputs, labels = make_classification(20_200, n_informative=10, flip_y=0.1, class_sep=0.7, random_state=1)
    pool_inputs, pool_labels, correct = inputs[200:], labels[200:], []
    network = MLPClassifier(64, learning_rate_init=0.005, batch_size=20, random_state=1)
    for _ in range(EPOCHS):
        network.partial_fit(inputs[:200], labels[:200], classes=[0, 1])
        correct.append(network.predict(pool_inputs) == pool_labels)
    pool = np.array(correct)
    for _ in range(worlds):
        answers = pool[:, generator.choice(pool.shape[1], rows, replace=False)]
        yield answers[:, ::2].sum(axis=1), answers[:, 1::2].sum(axis=1), pool.mean(axis=1)


def estimates(draws: Iterator[Draw], rows: int) -> dict[str, np.ndarray]:
    """By run: how much too high the best epoch's accuracy is, our bounds, and best epoch minus cross-fitted.

    Of the first, what all epochs have in common is taken off: it is 0 on average, and only adds noise.
    """
    found: dict[str, list[float]] = {"true": [], "least": [], "most": [], "difference": []}
    for even, odd, true in draws:
        excess = (even + odd) / rows - true
        best = (even + odd).argmax()
        found["true"].append(excess[best] - excess.mean())
        for name, bound in zip(("least", "most"), peeking_bounds(even, odd, rows), strict=True):
            found[name].append(bound)
        cross_fitted = (even[odd.argmax()] + odd[even.argmax()]) / rows
        found["difference"].append((even + odd)[best] / rows - cross_fitted)
    return {name: np.array(values) for name, values in found.items()}


def main(worlds: int = 4000, rows: int = 300) -> None:
    """Print the table of docs/statistics.md."""
    generator = np.random.default_rng(1)
    print("| learning curve | true | at least | at most | middle | best epoch minus cross-fitted |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, curve in CURVES.items():
        _print(name, estimates((curve.draw(rows, generator) for _ in range(worlds)), rows))
    _print("that of a real network", estimates(of_network(rows, worlds, generator), rows))


def _print(name: str, found: dict[str, np.ndarray]) -> None:
    true, least, most, difference = (100 * values.mean() for values in found.values())
    print(f"| {name} | {true:.2f} | {least:.2f} | {most:.2f} | {(least + most) / 2:.2f} | {difference:.2f} |")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
