"""What a study's template can call: functions marked as figures, tables or values, found in the modules they are in."""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import pandas as pd

from regrade.reporting.figures.style import look
from regrade.reporting.tables.table_format import Shown

_MARK = "_called_by_templates"


@dataclass(frozen=True)
class Entry:
    """A function that templates call by its name. A table has a `form`: the table as a reader sees it."""

    function: Callable
    form: Callable[[pd.DataFrame], Shown] | None = None


def figure(function: Callable) -> Callable:
    """Mark function(evidence, …) → Figure or None, where there is nothing to draw; it draws in the project's style.

    Templates call name(…) and give what it returns to `figure(number, caption, …)`.
    """
    in_style = look()(function)
    return _marked(in_style, Entry(in_style))


def table(form: Callable[[pd.DataFrame], Shown]) -> Callable[[Callable], Callable]:
    """Mark function(evidence, …) → DataFrame, without rows where there is nothing to show.

    Templates call name(number, caption, …), which writes the table and `form` of it.
    """
    return lambda function: _marked(function, Entry(function, form))


def value(function: Callable) -> Callable:
    """Mark function(evidence, …) → a number, a text or other value. Templates call name(…)."""
    return _marked(function, Entry(function))


def entries(*modules: ModuleType) -> dict[str, Entry]:
    """The marked functions of these modules by name. ValueError when two modules have one name."""
    called: dict[str, Entry] = {}
    for module in modules:
        for name, one in vars(module).items():
            # What a module imports from another is not its own
            if (entry := getattr(one, _MARK, None)) and one.__module__ == module.__name__:
                if name in called:
                    raise ValueError(f"{name!r} is taken; give the function in {module.__file__} another name")
                called[name] = entry
    return called


def _marked(function: Callable, entry: Entry) -> Callable:
    setattr(function, _MARK, entry)
    return function
