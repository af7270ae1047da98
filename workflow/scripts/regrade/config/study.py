"""`studies`: the networks and experiments of a report."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from regrade.config.scale import Caps
from regrade.config.types import NUMBER, LayerTemplate, Metric, Name, Section, Value, distinct


class Select(Section):
    """Settings taken over from the winner of another experiment of the study."""

    source: Name = Field(alias="from")
    settings: Annotated[list[Name], Field(min_length=1), AfterValidator(distinct)]
    same: list[Name] = Field([], description="settings in which a candidate must agree with the cell")
    by: Metric
    winner: Literal["measured", "reported"]
    epochs: Literal["best"] | None = Field(
        None, description="best: trained for as many epochs as the measured winner needed to be at its best"
    )

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
    like: Name | None = None
    settings: dict[Name, Value] = Field({})
    grid: Annotated[dict[Name, Annotated[list[Value], Field(min_length=1)]], Field(min_length=1)] | None = None
    cells: Annotated[list[Annotated[dict[Name, Value], Field(min_length=1)]], Field(min_length=1)] | None = None
    around: Annotated[dict[Name, Annotated[list[Value], Field(min_length=1)]], Field(min_length=1)] | None = Field(
        None, description="each of these settings varied by itself, the others as fixed under settings"
    )
    select: Select | None = None
    at_most: dict[Name, Caps] = Field({}, description="further caps of this experiment, by scale")
    converged_at: Annotated[float, Field(gt=0, le=1), NUMBER] | None = Field(
        None, description="accuracy on the evaluated rows from which a run counts as converged"
    )

    @model_validator(mode="after")
    def _one_way_to_write_cells(self) -> "Experiment":
        given = [name for name in ("grid", "cells", "around") if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"has both {' and '.join(given)}; keep one of them")
        if self.cells and len({frozenset(cell) for cell in self.cells}) > 1:
            raise ValueError("its cells do not all name the same settings; give each cell every setting that varies")
        return self


class Study(Section):
    """A report: its networks and its experiments."""

    title: str
    source: str
    conventions: Literal["keras", "tensorflow_2_3", "keras_2_0", "torch"] = Field(
        description="whose defaults apply where the source is silent; keras: Keras 3"
    )
    assumptions: list[str] = Field([])
    networks: dict[Name, Annotated[list[LayerTemplate], Field(min_length=1)]]
    experiments: Annotated[dict[Name, Experiment], Field(min_length=1)]
