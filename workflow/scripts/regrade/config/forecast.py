"""`forecast`: how the costs of training are forecast, and what jobs ask a cluster for because of it."""

from typing import Annotated

from pydantic import Field

from regrade.config.types import NUMBER, Count, Positive, Section

Factor = Annotated[float, Field(ge=1, le=1000), NUMBER]


class Asked(Section):
    """Time and memory that a job asks for."""

    minutes: Count
    """Time."""
    megabytes: Count
    """Memory."""


class Forecast(Section):
    """How costs are forecast, and what jobs ask a cluster for."""

    calibration_seconds: Positive
    """How long `regrade cost` measures a processor that it does not know yet."""
    time_margin: Factor
    """What a job asks for, in multiples of the forecast time."""
    memory_margin: Factor
    """What a job asks for, in multiples of the forecast memory."""
    at_least: Asked
    """What every training job asks for, however short and small it is."""
    unknown: Asked
    """What a training job asks for if its costs cannot be forecast, as with a network of your own."""
