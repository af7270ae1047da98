"""What `regrade cost` shows: the sum in a sentence, each experiment, and how good earlier forecasts were."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from regrade.cells import batching
from regrade.cells.progress import Progress
from regrade.commands.terminal import duration, lined
from regrade.config.params import Params
from regrade.costs import accuracy, schedule
from regrade.costs.accuracy import Accuracy
from regrade.costs.model import Basis, Forecast, Forecasts

# Where forecasts come from, as the table counts them
BASES: dict[Basis, str] = {
    "measured": "measured",
    "like": "from similar cells",
    "operations": "from operations",
    "unknown": "not known",
}
Rows = list[tuple[Progress, Forecast]]


def view(params: Params, cells: Sequence[Progress], forecasts: Forecasts, at_once: int) -> RenderableType:
    """All of it; `at_once`: how many jobs train side by side."""
    rows = [(cell, forecasts.of(cell.cell)) for cell in cells]
    rates = forecasts.model.rates[0]
    parts: list[RenderableType] = [Text(_summary(params, rows, forecasts, at_once), "bold"), "", _experiments(rows)]
    if unknown := list(dict.fromkeys(forecast.why for _, forecast in rows if forecast.basis == "unknown")):
        parts += ["", *(Text(f"Not known: {why}", "yellow") for why in unknown)]
    return Group(*parts, "", *_accuracy(cells, forecasts), f"Processor: {rates.processor['device']}")


def _summary(params: Params, rows: Rows, forecasts: Forecasts, at_once: int) -> str:
    kind = "GPU" if forecasts.model.rates[0].on_gpu else "CPU"
    left = _left(rows)
    total = f"scale {params.scale}: {len(rows)} cells, {_hours(rows)} of {kind} time"
    if not left:
        return f"{total}; all done"
    jobs = _jobs(params, left, forecasts)
    wall = _known(schedule.wall(jobs, at_once), left)
    rest = "" if len(left) == len(rows) else f", {_hours(left)} of it for the {len(left)} that are not done"
    side = f"{at_once} jobs at once" if at_once > 1 else "one job at a time"
    return f"{total}{rest}; {wall} with {side}; {_memory(rows)} of memory per job at most; {_disk(rows)} of disk"


def _left(rows: Rows) -> Rows:
    """The cells that are not done, with the time of their runs that are not finished."""
    return [(cell, _rest(cell, forecast)) for cell, forecast in rows if cell.state != "done"]


def _rest(cell: Progress, forecast: Forecast) -> Forecast:
    """The forecast with the time of the runs that are not finished."""
    if forecast.seconds is None:
        return forecast
    unfinished = sum(not run.finished for run in cell.runs)
    return replace(forecast, seconds=forecast.seconds * unfinished / len(cell.runs))


def _jobs(params: Params, left: Rows, forecasts: Forecasts) -> list[schedule.Job]:
    """The jobs that train what is left; one that follows a winner comes after those of its candidates."""
    start = forecasts.model.rates[0].start
    seconds = {cell.cell.folder: forecast.seconds or 0 for cell, forecast in left}
    every = [cell.cell for cell, _ in left]
    together = {
        cell.folder: batch
        for batch, members in batching.batches(every, params.present_cells_per_job).items()
        for cell in members
    }
    batches: dict[str, list] = {}
    for cell in every:
        batches.setdefault(together.get(cell.folder, cell.folder.as_posix()), []).append(cell)
    numbers = {cell.folder: number for number, members in enumerate(batches.values()) for cell in members}
    return [
        schedule.Job(
            start + sum(seconds[cell.folder] for cell in members),
            frozenset(
                numbers[candidate.folder]
                for cell in members
                if cell.selection
                for candidate in cell.selection.candidates
                if candidate.folder in numbers
            ),
        )
        for members in batches.values()
    ]


def _experiments(rows: Rows) -> Table:
    """A line per experiment, below its study."""
    titles = ("cells", "time", "left", "memory per job", "disk")
    shown = lined("study, experiment", *titles, "forecast", right=titles)
    for study, of_study in groupby(rows, lambda row: row[0].cell.study):
        members = list(of_study)
        shown.add_row(Text(study, "bold"), *(Text(text, "bold") for text in _line(members)))
        for experiment, group in groupby(members, lambda row: row[0].cell.experiment):
            shown.add_row(f"  {experiment}", *_line(list(group)))
    return shown


def _line(rows: Rows) -> tuple[str, ...]:
    left = _left(rows)
    bases = Counter(forecast.basis for _, forecast in rows)
    told = ", ".join(f"{bases[basis]} {text}" for basis, text in BASES.items() if bases[basis])
    return str(len(rows)), _hours(rows), _hours(left) if left else "", _memory(rows), _disk(rows), told


def _hours(rows: Rows) -> str:
    """How long these cells train, one after another."""
    return _known(sum(forecast.seconds or 0 for _, forecast in rows), rows)


def _known(seconds: float, rows: Rows) -> str:
    """A time that is made of those of these cells, as far as they are known."""
    known = sum(forecast.seconds is not None for _, forecast in rows)
    if not known:
        return "not known"
    return duration(seconds) + (" and more" if known < len(rows) else "")


def _memory(rows: Rows) -> str:
    known = [forecast.memory for _, forecast in rows if forecast.memory is not None]
    return f"{max(known) / 1e9:.1f} GB" if known else "not known"


def _disk(rows: Rows) -> str:
    total = sum(forecast.disk or 0 for _, forecast in rows)
    return f"{total / 1e9:.1f} GB" if total >= 1e9 else f"{total / 1e6:.0f} MB"


def _accuracy(cells: Iterable[Progress], forecasts: Forecasts) -> list[str]:
    """How good the forecasts of finished cells were; nothing where there is none."""
    ratios = accuracy.ratios([cell.cell for cell in cells], forecasts)
    titles = {
        "operations": "time, forecast from operations",
        "like": "time, forecast from cells like them",
        "memory": "memory",
    }
    lines = [f"  {title}: {_ratio(one)}" for kind, title in titles.items() if (one := accuracy.of(ratios[kind]))]
    return (
        ["Of what was trained here, actual over forecast, without the cell's own times:", *lines, ""] if lines else []
    )


def _ratio(one: Accuracy) -> str:
    if one.cells == 1:
        return f"{one.ratio:.2f} in one cell"
    return f"{one.ratio:.2f} (median of {one.cells} cells), {one.low:.2f} to {one.high:.2f} in four of five"
