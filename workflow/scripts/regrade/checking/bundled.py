"""What is known of the cells in a bundle, from wherever it came (see regrade.checking.references)."""

from collections.abc import Collection, Iterator
from itertools import product

from regrade.bundle.bundle import Bundle
from regrade.bundle.manifest import BundledCell
from regrade.bundle.tables import ABOUT_RUNS, KEYS
from regrade.checking import asked
from regrade.checking.asked import Made
from regrade.config.messages import hint
from regrade.config.settings import Settings
from regrade.config.study import Select
from regrade.config.types import Value

_NO_METRICS = {*KEYS, *ABOUT_RUNS, "folder", "status"}


class Bundled:
    """The cells of a bundle by experiment.

    A bundle may be of a part of the study: what Regrade can measure is no mistake where it is absent.
    """

    place = "the bundle"

    def __init__(self, bundle: Bundle):
        self.bundle = bundle
        self.cells: dict[str, list[BundledCell]] = {name: [] for name in bundle.manifest.experiments}
        for cell in bundle.manifest.cells:
            self.cells[cell.experiment].append(cell)
        self._absent: dict[tuple[str, str], dict[Value, None]] = {}

    def columns(self, experiment: str) -> Collection[str]:
        """The columns of histories that the bundle has, or Regrade can record."""
        recorded = (names for _, names in self._columns(experiment))
        return set(map(str, self.bundle.curves.columns)).union(*recorded)

    def metrics(self, experiment: str) -> Collection[str]:
        """The metrics of runs that the bundle has, or Regrade can compute."""
        computed = (asked.summary(names, split) for split, names in self._columns(experiment))
        return (set(map(str, self.bundle.runs.columns)) - _NO_METRICS).union(*computed)

    def _columns(self, experiment: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        """By split, the columns of histories in which all is recorded that can be."""
        convolutions = (self.made(experiment).kinds or []).count("convolution")
        for split, language in product(asked.SPLITS, (False, True)):
            yield split, asked.columns(split, language, norm=True, means=True, convolutions=convolutions)

    def converges(self, experiment: str) -> bool:
        """Whether the epochs are counted until runs of the experiment have converged."""
        return self.bundle.manifest.experiments[experiment].converged_at is not None

    def select(self, experiment: str) -> Select | None:
        """What the experiment takes over from a winner."""
        return self.bundle.manifest.experiments[experiment].select

    def settings(self, experiment: str) -> Collection[str]:
        """The settings that a row may name."""
        return self.cells[experiment][0].known_settings

    def made(self, experiment: str) -> Made:
        """Of what the cells are made."""
        cell = self.cells[experiment][0]
        steps = (cell.settings.get(key) for key in ("train_rows", "batch_size"))
        network = cell.configuration.get("network")
        layers = [layer for layer in network if isinstance(layer, dict)] if isinstance(network, list) else None
        return Made(
            steps=all(isinstance(number, int) and number for number in steps),
            language=cell.language,
            kinds=None if layers is None else [str(layer.get("kind")) for layer in layers],
            selects=cell.follows is not None,
            activations=bool(cell.settings.get("activation_statistics")) or layers is None,
        )

    def impossible(self, experiment: str, key: str, value: Value) -> str | None:
        """Why the setting `key` cannot have this value in the experiment; None where it can.

        A value that no cell has is kept for `notes`.
        """
        cells = self.cells[experiment]
        if any(cell.varying.get(key) == value for cell in cells):
            return None
        # What somebody else's settings may be is not known
        if cells[0].configuration and key in Settings.model_fields and (complaint := asked.of_setting(key, value)):
            return complaint
        if key in cells[0].varying:
            self._absent.setdefault((experiment, key), {})[value] = None
        return None

    def notes(self) -> Iterator[str]:
        """Sentences about values that were asked about, and that no cell has."""
        for (experiment, key), values in self._absent.items():
            first, *others = map(str, values)
            guess = hint(first, {str(cell.varying[key]) for cell in self.cells[experiment]})
            listed = ", ".join([f"{first}{guess}", *others])
            yield f"no cell of {experiment} has {key}={listed}: what is about such cells counts as not run"
