"""What `regrade status` shows: all cells in a line, those that run, stopped or failed, and each experiment."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from regrade.cells.heartbeat import SILENT_SECONDS, Heartbeat, Run
from regrade.cells.layout import RESULTS
from regrade.cells.progress import Progress
from regrade.commands.terminal import duration, lined
from regrade.costs.model import Model
from regrade.costs.time_left import seconds_left

# Cells often fail for the same reason, so the first tell enough
SHOWN = 10
# What every cell counts as; a stopped one waits like those that have not begun
COUNTED = {"done": "green", "running": "cyan", "failed": "red", "queued": ""}
SAME_PARAMETERS = "to see them, pass the --configfile and --config of the snakemake that started them"

Left = dict[Path, float | None]


def view(model: Model, cells: Sequence[Progress], others: Sequence[Heartbeat]) -> RenderableType:
    """All of it. `others`: heartbeats of jobs that train none of `cells`."""
    left = seconds_left(cells, model)
    running, stopped, failed = (_in_state(cells, state) for state in ("running", "stopped", "failed"))
    parts: list[RenderableType] = [Text(_summary(model.params.scale, cells, left), "bold")]
    if others:
        parts.append(Text(f"Other cells are running ({len(others)}): {SAME_PARAMETERS}", "yellow"))
    if running:
        parts += ["", _running(running, left)]
    if stopped:
        parts += ["", _listed("stopped", stopped, _reached)]
    if failed:
        parts += ["", _listed("failed", failed, lambda cell: cell.error)]
    return Group(*parts, "", _experiments(cells, left))


def _in_state(cells: Iterable[Progress], state: str) -> list[Progress]:
    return [cell for cell in cells if cell.state == state]


def _counts(cells: Iterable[Progress]) -> Counter[str]:
    return Counter("queued" if cell.state == "stopped" else cell.state for cell in cells)


def _summary(scale: str, cells: Sequence[Progress], left: Left) -> str:
    counts = _counts(cells)
    parts = [f"{counts['done']} of {len(cells)} cells done"]
    parts += [f"{counts[state]} {state}" for state in COUNTED if state != "done" and counts[state]]
    return f"scale {scale}: {', '.join(parts)}{_time_left(left, counts['running'])}"


def _time_left(left: Left, at_once: int) -> str:
    """The end of a sentence about the time left while this many cells train at once; empty if all is done."""
    if not left:
        return ""
    known = [seconds for seconds in left.values() if seconds is not None]
    if not known:
        return "; time left not known yet"
    # Jobs side by side share the work, but none ends before its own cell
    seconds = max(sum(known) / max(at_once, 1), *known)
    text = f"{duration(seconds)} left" + (f" with {at_once} cells at once" if at_once > 1 else "")
    unknown = len(left) - len(known)
    return f"; at least {text} (not known for {unknown} of the cells)" if unknown else f"; about {text}"


def _running(cells: Iterable[Progress], left: Left) -> Table:
    """A line per cell, or per group of seeds where some are ahead of others."""
    table = lined("running", "seeds", "epoch", "time left", "on")
    for cell in cells:
        name, others = _name(cell), [_short(left[cell.cell.folder]), _where(cell.heartbeat)]
        for seeds, epoch in _by_epoch(cell.runs):
            table.add_row(name, seeds, f"{epoch} of {cell.epochs}", *others)
            name, others = Text(), []
    return table


def _listed(title: str, cells: Sequence[Progress], about: Callable[[Progress], str]) -> Table:
    """The first of `cells`, and what there is to say about each."""
    table = lined(title, "")
    for cell in cells[:SHOWN]:
        table.add_row(_name(cell), Text(about(cell)))
    if len(cells) > SHOWN:
        table.add_row(f"and {len(cells) - SHOWN} more", "")
    return table


def _experiments(cells: Iterable[Progress], left: Left) -> Table:
    """A line per experiment, below its study."""
    table = lined("study, experiment", *COUNTED, "training left", right=COUNTED)
    for study, of_study in groupby(cells, lambda cell: cell.cell.study):
        table.add_row(Text(study, "bold"))
        for experiment, group in groupby(of_study, lambda cell: cell.cell.experiment):
            members = list(group)
            counts = _counts(members)
            numbers = [Text(str(counts[state]), style if counts[state] else "dim") for state, style in COUNTED.items()]
            table.add_row(f"  {experiment}", *numbers, _work(left, members))
    return table


def _work(left: Left, cells: Iterable[Progress]) -> str:
    """How long the unfinished ones of these cells train, one after the other."""
    seconds = [left[cell.cell.folder] for cell in cells if cell.cell.folder in left]
    known = [one for one in seconds if one is not None]
    if not known:
        return "not known" if seconds else ""
    return duration(sum(known)) + (" and more" if len(known) < len(seconds) else "")


def _name(cell: Progress) -> Text:
    return Text(cell.cell.folder.relative_to(RESULTS).as_posix())


def _by_epoch(runs: Iterable[Run]) -> Iterator[tuple[str, int]]:
    """The seeds of neighbouring runs at the same epoch, as text, and that epoch."""
    for epoch, group in groupby(runs, lambda run: run.epoch):
        seeds = [run.seed for run in group]
        in_a_row = len(seeds) > 2 and seeds == [*range(seeds[0], seeds[-1] + 1)]
        yield f"{seeds[0]}–{seeds[-1]}" if in_a_row else ", ".join(map(str, seeds)), epoch


def _reached(cell: Progress) -> str:
    """How far a stopped cell had come."""
    epochs = ", ".join(
        f"{epoch} (seed{'' if seeds.isdigit() else 's'} {seeds})" for seeds, epoch in _by_epoch(cell.runs)
    )
    return f"at epoch {epochs} of {cell.epochs}; the next run goes on from its last checkpoint"


def _where(heartbeat: Heartbeat | None) -> str:
    """The machine, the job's number in SLURM, and how long it has been silent where that is long."""
    if heartbeat is None:
        return ""
    place = f"{heartbeat.host}, job {heartbeat.slurm_job}" if heartbeat.slurm_job else heartbeat.host
    return f"{place}, silent for {duration(heartbeat.silent)}" if heartbeat.silent > SILENT_SECONDS else place


def _short(seconds: float | None) -> str:
    return "not known yet" if seconds is None else duration(seconds)
