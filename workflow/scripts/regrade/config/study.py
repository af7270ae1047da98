"""`studies`: the networks and experiments of a report."""

from collections import ChainMap
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from regrade.config.scale import Caps
from regrade.config.types import NUMBER, LayerTemplate, Metric, Name, Section, Seeds, Value, distinct

# In `full_at`, the number of seeds beside the settings; no setting has this name
SEEDS = "seeds"


def includes(varying: dict[str, Value], settings: dict[str, Value]) -> bool:
    """Whether `varying` has all of these settings with these values."""
    return all(key in varying and varying[key] == value for key, value in settings.items())


def _count(some: dict[str, Value]) -> int | None:
    """How many seeds a mapping of `full_at` gives its cells, None for all; None, too, where it is no such number."""
    count = some.get(SEEDS)
    return count if type(count) is int and count > 0 else None


class Select(Section):
    """Settings taken over from the winner of another experiment of the study."""

    source: Name = Field(alias="from")
    """The experiment among whose cells the winner is chosen."""
    settings: Annotated[list[Name], Field(min_length=1), AfterValidator(distinct)]
    """Settings taken over from the winner."""
    same: list[Name] = Field([])
    """Settings that a candidate must share with the cell; only for a measured winner."""
    by: Metric
    """Metric whose highest mean wins: `test_accuracy_best_epoch`, `test_accuracy_cross_fitted`,
    `test_accuracy_last_epoch` or `validation_accuracy_best_epoch`.
    """
    winner: Literal["measured", "reported"]
    """`measured`: the best cell of this workflow, known once all candidates are trained; `reported`: the best in the
    study's `reported.csv`.
    """
    epochs: Literal["best"] | None = None
    """`best`: train for as many epochs as the measured winner took to its best epoch, averaged over its seeds."""

    @model_validator(mode="after")
    def _epochs_are_measured(self) -> "Select":
        if self.epochs and self.winner == "reported":
            raise ValueError("epochs: best needs winner: measured; a reported winner's best epoch is not known")
        return self

    @model_validator(mode="after")
    def _alike_are_measured(self) -> "Select":
        if self.same and self.winner == "reported":
            raise ValueError("same needs winner: measured; the reported winner is that of the whole experiment")
        return self


class Experiment(Section):
    """Fixed settings, and a grid or a list of cells over the others, or variations around the fixed ones."""

    title: str
    """Title in the report."""
    like: Name | None = None
    """Another experiment of the study, whose `settings` are taken over, and its `at_most` where there is none for the
    scale.
    """
    settings: dict[Name, Value] = Field({})
    """Settings that all cells share."""
    grid: Annotated[dict[Name, Annotated[list[Value], Field(min_length=1)]], Field(min_length=1)] | None = None
    """Lists of values by setting; every combination is a cell."""
    cells: Annotated[list[Annotated[dict[Name, Value], Field(min_length=1)]], Field(min_length=1)] | None = None
    """List of cells, each with its values of the same settings."""
    around: Annotated[dict[Name, Annotated[list[Value], Field(min_length=1)]], Field(min_length=1)] | None = None
    """Lists of values by setting; each setting is varied by itself, with the others as in `settings`. The values in
    `settings` are a cell, too, and each combination is one cell only.
    """
    select: Select | None = None
    """Settings taken over from the winner of another experiment."""
    names: dict[Name, Annotated[dict[Name, Value], Field(min_length=1)]] = Field({})
    """Words for values of settings that vary, as in `clip_value: {clipped: 2}`. Claims, `reported.csv` and templates
    may say the word for the value.
    """
    at_most: dict[Name, Caps] = Field({})
    """Further caps by scale, with the keys of the scale's own `at_most` except `seeds`."""
    full_at: dict[Name, Annotated[list[dict[Name, Value]], Field(min_length=1)]] = Field({})
    """By scale, the cells that it leaves at full protocol: those that have all settings of one of these mappings. They
    have no caps, the scale's `full_seeds`, and data as in the source, which a scale with stand-ins allows for generated
    data only. In a mapping, `seeds` is how many of the `full_seeds` are used; all if absent. Other experiments do not
    take this over by `like`.
    """
    keep_models: dict[Name, Seeds] = Field({})
    """By scale, seeds whose weights are kept, in place of the general `keep_models`; `[]` saves space where networks
    are large. Other experiments do not take this over by `like`.
    """
    converged_at: Annotated[float, Field(gt=0, le=1), NUMBER] | None = None
    """An accuracy; reports then say after how many epochs a run first reaches it; 1: no row is wrong."""
    converged_on: Literal["evaluated", "train"] = "evaluated"
    """The accuracy that `converged_at` is about: on the `evaluated` rows, or the training accuracy (`train`)."""

    def in_full(self, scale: str, settings: dict[str, Value]) -> bool:
        """Whether a scale leaves the cell with these settings at full protocol."""
        return any(includes(settings, some) for some, _ in self.left_in_full(scale))

    def left_in_full(self, scale: str) -> list[tuple[dict[str, Value], int | None]]:
        """What a scale leaves at full protocol: settings of cells, and how many seeds these have, None for all."""
        return [
            (self.valued({key: value for key, value in some.items() if key != SEEDS}), _count(some))
            for some in self.full_at.get(scale, ())
        ]

    def valued(self, settings: dict[str, Value]) -> dict[str, Value]:
        """These settings with values in place of the words for them."""
        return {key: self._value(key, value) for key, value in settings.items()}

    def _value(self, key: str, value: Value) -> Value:
        return self.names.get(key, {}).get(value, value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _seeds_are_counted(self) -> "Experiment":
        for scale, every in self.full_at.items():
            for some in every:
                if SEEDS in some and not _count(some):
                    raise ValueError(f"full_at.{scale}: seeds is {some[SEEDS]!r}; give how many are used, 1 or more")
        return self

    @model_validator(mode="after")
    def _one_way_to_write_cells(self) -> "Experiment":
        given = [name for name in ("grid", "cells", "around") if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"has both {' and '.join(given)}; keep one of them")
        if self.cells and len({frozenset(cell) for cell in self.cells}) > 1:
            raise ValueError("its cells do not all name the same settings; give each cell every setting that varies")
        return self

    @model_validator(mode="after")
    def _converged_on_has_an_accuracy(self) -> "Experiment":
        if self.converged_on == "train" and self.converged_at is None:
            raise ValueError("converged_on says on which rows converged_at is judged, but there is none; add it")
        return self


class Study(Section):
    """A report: its networks and its experiments."""

    title: str
    """Title of the report."""
    source: str
    """The report that is reproduced: its title, authors, year."""
    conventions: Literal["keras", "tensorflow_2_3", "keras_2_0", "torch"]
    """Whose defaults apply where the source is silent: `keras` (Keras 3), `tensorflow_2_3`, `keras_2_0` or `torch`."""
    assumptions: list[str] = Field([])
    """What had to be assumed, as sentences for the report."""
    networks: dict[Name, Annotated[list[LayerTemplate], Field(min_length=1)]]
    """Networks by name, each a list of layers."""
    experiments: Annotated[dict[Name, Experiment], Field(min_length=1)]
    """Experiments by name."""

    def line(self, name: str) -> Iterator[Experiment]:
        """The experiment of this name, the one that it is like, the one that that is like, and so on."""
        following: str | None = name
        while following:
            experiment = self.experiments[following]
            yield experiment
            following = experiment.like

    def settings(self, name: str) -> dict[str, Value]:
        """The settings that all cells of an experiment share, with those of the experiments that it is like."""
        return dict(ChainMap(*(experiment.settings for experiment in self.line(name))))

    def caps(self, name: str, scale: str) -> Caps | None:
        """The further caps of an experiment at a scale, or else of the one that it is like; None where none has any."""
        return next((own for experiment in self.line(name) if (own := experiment.at_most.get(scale))), None)
