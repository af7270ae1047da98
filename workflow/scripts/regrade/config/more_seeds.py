"""`more_seeds`: further seeds of some cells, such as those that a claim waits for."""

from typing import Annotated

from pydantic import Field

from regrade.config.types import Name, Section, Seeds, Value


class MoreSeeds(Section):
    """Seeds that some cells of an experiment are trained with beside the general ones."""

    study: Name
    """The study."""
    experiment: Name
    """The experiment; one that is `like` it does not take this over."""
    cells: dict[Name, Value] = Field({})
    """The settings that a cell must have, as in `full_at`; all cells of the experiment if absent."""
    seeds: Annotated[Seeds, Field(min_length=1)]
    """The seeds. A cell that has one of them already is not trained with it again."""
